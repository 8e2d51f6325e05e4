import * as z from "zod/mini";
import { terminalLinesMax } from "../limits.ts";
import { requestId, u64, wholeNumber } from "./members.ts";
import { pathUri } from "./path-uri-schema.ts";
import { sandbox } from "./sandbox.ts";
import { schemaOf } from "./schema-of.ts";
import { signalNames } from "./signals.ts";

const processId = z.string();

const byProcessId = () => z.object({ processId });

/** Rows and columns of a terminal, as the kernel's 16 bits allow them. */
const terminalSize = () =>
  z.object({
    rows: wholeNumber(1, terminalLinesMax),
    cols: wholeNumber(1, terminalLinesMax),
  });

/** At least a millisecond; from about 25 days on there is no limit. */
const timeLimitMs = wholeNumber(1);

/** Which time limit ended the process; absent otherwise. */
const reason = () => z.optional(z.enum(["timeout", "idleTimeout"]));

/** Resource usage, as far as the system reports it; without descendants that still run. */
const usage = () =>
  z.object({
    /** Time from start to exit. */
    wallMs: z.number(),
    /** CPU time in user mode, and in the kernel. */
    userMs: z.optional(z.number()),
    systemMs: z.optional(z.number()),
    /** Largest resident memory. An upper bound: it is never below what the executor itself has had,
     * because Linux counts the moment before exec, in which both share memory. */
    maxRssBytes: z.optional(z.number()),
  });

/** The processes that hold the output of an exited process open, so that it is not closed. */
const heldOpenBy = () =>
  z.optional(
    z.array(
      z.object({
        pid: z.number(),
        /** The kernel's name for it: at most 15 bytes, no arguments. */
        program: z.string(),
      }),
    ),
  );

const envPolicy = () =>
  z.object({
    /** What to start from: the executor's whole environment, its core names, or nothing. */
    inherit: z.enum(["core", "all", "none"]),
    /** False drops inherited names that contain KEY, SECRET or TOKEN. */
    ignoreDefaultExcludes: z.boolean(),
    /** Patterns (`*`, `?`, any case) of inherited names to drop. */
    exclude: z.array(z.string()),
    /** Variables to set after the exclusions. */
    set: z.record(z.string(), z.string()),
    /** If not empty, only names that match one of these patterns remain. */
    includeOnly: z.array(z.string()),
  });

/** One process in the list of a session. */
const processSummary = () =>
  z.object({
    processId,
    argv: z.array(z.string()),
    tty: z.boolean(),
    /** False once the process itself has exited, even while others hold its output open. */
    running: z.boolean(),
    exitCode: z.nullable(z.number()),
    /** The number the next event of this process will have. */
    nextSeq: z.number(),
    /** Only while it has exited and is not closed. Capability `processHolders`. */
    heldOpenBy: heldOpenBy(),
  });

const stream = () => z.enum(["stdout", "stderr", "pty"]);

/** A piece of output: at most 8 KiB before encoding. `seq` also counts exited and closed. */
const outputChunk = () => z.object({ seq: z.number(), stream: stream(), chunk: z.string() });

export const processRequests = {
  "process/start": {
    params: () =>
      z.object({
        /** Chosen by the client. Its session keeps the id taken while the process is readable. */
        processId,
        argv: z.array(z.string()),
        cwd: pathUri,
        /** The whole environment without `envPolicy`, otherwise added to its result. */
        env: z.record(z.string(), z.string()),
        envPolicy: z.nullish(envPolicy()),
        tty: z.boolean(),
        /**
         * Gives the process a stdin to write to, otherwise /dev/null. A terminal always has one.
         */
        pipeStdin: z._default(z.boolean(), false),
        /** argv[0] as the process sees it, when that is not the program. */
        arg0: z.nullish(z.string()),
        sandbox: z.nullish(schemaOf(sandbox)),
        enforceManagedNetwork: z._default(z.boolean(), false),
        managedNetwork: z.optional(z.unknown()),
        /** Terminal size, 24 x 80 when absent. Capability `processResize`. */
        size: z.nullish(terminalSize()),
        /**
         * Kills everything the process started after this time, unless it has closed; no limit when
         * absent. Capability `processTimeouts`, also for the next.
         */
        timeoutMs: z.nullish(timeLimitMs),
        /**
         * The same after this time without output. Time in which the process waits for a slow
         * reader of its output does not count.
         */
        idleTimeoutMs: z.nullish(timeLimitMs),
        requestId,
      }),
    result: () =>
      z.object({
        processId,
        /** What actually confines the process: `none`, or `linuxSeccomp`. */
        sandboxType: z.string(),
      }),
  },
  "process/read": {
    params: () =>
      z.object({
        processId,
        /** Returns only chunks with a greater `seq`. */
        afterSeq: z.nullish(u64),
        /** Returns at most this many raw bytes, and 8 MiB, but always the first chunk. */
        maxBytes: z.nullish(u64),
        /** Long poll: waits up to this time, in ms, for output or an end. */
        waitMs: z.nullish(u64),
        /**
         * Pushes the output that this answer lacks directly after it, in order, before anything
         * new. The answer then describes the moment after its last chunk. Capability
         * `processReadPushRest`.
         */
        pushRest: z.nullish(z.boolean()),
      }),
    result: () =>
      z.object({
        chunks: z.array(outputChunk()),
        /** The next read uses `afterSeq = nextSeq - 1`. */
        nextSeq: z.number(),
        exited: z.boolean(),
        exitCode: z.nullable(z.number()),
        closed: z.boolean(),
        /** Why the program did not run although its start succeeded. */
        failure: z.nullable(z.string()),
        sandboxDenied: z.boolean(),
        /** Raw bytes that are no longer retained; all are older than the retained ones. */
        droppedBytes: z.optional(z.number()),
        reason: reason(),
        /** Only while it has exited and is not closed. Capability `processHolders`. */
        heldOpenBy: heldOpenBy(),
      }),
    bulk: { chunksOf: "chunks" },
  },
  "process/write": {
    params: () =>
      z.object({
        processId,
        chunk: z.string(),
        /** Repeating a write with the same id has no further effect. */
        writeId: z.string().check(z.minLength(1, "writeId must not be empty")),
      }),
    result: () =>
      z.object({
        status: z.enum(["accepted", "unknownProcess", "starting", "stdinClosed"]),
      }),
  },
  /**
   * Ends the input after all earlier writes; in a terminal by ^D, twice within a line. Capability
   * `processCloseStdin`.
   */
  "process/closeStdin": {
    params: () => z.extend(byProcessId(), { requestId }),
    result: () => z.object({}),
  },
  /** Capability `processResize`. */
  "process/resize": {
    params: () => z.object({ processId, size: terminalSize() }),
    result: () => z.object({}),
  },
  /**
   * Signals the process group: `interrupt` means SIGINT; POSIX names need the capability
   * `processSignals`. An unknown or ended process is no error.
   */
  "process/signal": {
    params: () => z.object({ processId, signal: z.enum(["interrupt", ...signalNames]), requestId }),
    result: () => z.object({}),
  },
  /** Sends SIGKILL to everything the process started. `running` tells whether it still ran. */
  "process/terminate": { params: byProcessId, result: () => z.object({ running: z.boolean() }) },
  /** The processes of this session. Capability `processList`. */
  "process/list": {
    params: () => z.nullish(z.object({})),
    result: () => z.object({ processes: z.array(processSummary()) }),
  },
};

/**
 * The events of a process are numbered together, from 1 without gaps. `exited` may precede the last
 * output; `closed` is the last.
 */
export const processEvents = {
  "process/output": { params: () => z.extend(outputChunk(), { processId }), bulk: "chunk" },
  "process/exited": {
    params: () =>
      z.object({
        processId,
        seq: z.number(),
        /** 128 + n after death by signal n. */
        exitCode: z.number(),
        sandboxDenied: z.boolean(),
        /** As in `process/read`; absent when the program ran. */
        failure: z.optional(z.string()),
        reason: reason(),
        /** Capability `processUsage`. */
        usage: z.optional(usage()),
      }),
  },
  "process/closed": { params: () => z.object({ processId, seq: z.number() }) },
} as const;
