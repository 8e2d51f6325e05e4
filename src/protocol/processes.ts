import * as z from "zod/mini";
import { requestId, u64 } from "./members.ts";
import { pathUri } from "./path-uri-schema.ts";
import { sandbox } from "./sandbox.ts";
import { schemaOf } from "./schema-of.ts";
import { signalNames } from "./signals.ts";

const processId = z.string();

const byProcessId = () => z.object({ processId });

/** Rows and columns of a terminal, as the kernel's 16 bits allow them. */
const terminalSize = () =>
  z.object({
    rows: z.int().check(z.minimum(1), z.maximum(65_535)),
    cols: z.int().check(z.minimum(1), z.maximum(65_535)),
  });

/** At least a millisecond; from about 25 days on there is no limit. */
const timeLimitMs = u64.check(z.minimum(1, "must be at least 1"));

/** Which limit of its start ended a process. Absent when it ended otherwise. */
const reason = () => z.optional(z.enum(["timeout", "idleTimeout"]));

/** What a process has used, as far as the system tells; without its running descendants. */
const usage = () =>
  z.object({
    /** Time from start to exit. */
    wallMs: z.number(),
    /** Time of processors for its program, and for the kernel on its behalf. */
    userMs: z.optional(z.number()),
    systemMs: z.optional(z.number()),
    /** Largest resident memory. An upper bound: it is never below what the executor itself has had,
     * because Linux counts the moment before exec, in which both share memory. */
    maxRssBytes: z.optional(z.number()),
  });

/** Who holds the output of a process open after its exit, so that it is not closed. */
const heldOpenBy = () =>
  z.optional(
    z.array(
      z.object({
        pid: z.number(),
        /** As the kernel names it: at most 15 bytes, no arguments. */
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
    /** Put in after the dropping. */
    set: z.record(z.string(), z.string()),
    /** When not empty, only names that match one of these patterns stay. */
    includeOnly: z.array(z.string()),
  });

/** Everything about a process that can be said on one line after it has been started. */
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

/** One piece of output: at most 8 KiB before encoding, numbered together with exited and closed. */
const outputChunk = () => z.object({ seq: z.number(), stream: stream(), chunk: z.string() });

export const processRequests = {
  "process/start": {
    params: () =>
      z.object({
        /** Chosen by the client, unique in its session until 80 s after the process closed. */
        processId,
        argv: z.array(z.string()),
        cwd: pathUri,
        /** Without `envPolicy` the whole environment, else laid over what the policy gives. */
        env: z.record(z.string(), z.string()),
        envPolicy: z.nullish(envPolicy()),
        tty: z.boolean(),
        /**
         * Give the process a stdin to write to; without it stdin is /dev/null. A terminal has one.
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
         * Everything the process started is killed this long after its start, unless it has closed;
         * no limit when absent. Capability `processTimeouts`, as the next.
         */
        timeoutMs: z.nullish(timeLimitMs),
        /**
         * The same when it has printed nothing for so long. Time in which it waits for a slow
         * reader of its output does not count.
         */
        idleTimeoutMs: z.nullish(timeLimitMs),
        requestId,
      }),
    result: () =>
      z.object({
        processId,
        /** What confines the process in fact: `none`, or `linuxSeccomp`. */
        sandboxType: z.string(),
      }),
  },
  "process/read": {
    params: () =>
      z.object({
        processId,
        /** Only chunks with a greater number are given. */
        afterSeq: z.nullish(u64),
        /** Stop before exceeding this many raw bytes; the first chunk is always given. */
        maxBytes: z.nullish(u64),
        /** Wait up to this long for something to tell. */
        waitMs: z.nullish(u64),
        /**
         * Push what this answer does not hold right behind it, in order, before anything new. The
         * answer is then one of the moment after its last chunk. Capability `processReadPushRest`.
         */
        pushRest: z.nullish(z.boolean()),
      }),
    result: () =>
      z.object({
        chunks: z.array(outputChunk()),
        /** Go on with `afterSeq = nextSeq - 1`. */
        nextSeq: z.number(),
        exited: z.boolean(),
        exitCode: z.nullable(z.number()),
        closed: z.boolean(),
        /** Why the program has not run although it could be started. */
        failure: z.nullable(z.string()),
        sandboxDenied: z.boolean(),
        /**
         * Raw bytes of this process that are no longer retained; all of them are older than the
         * rest.
         */
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
        /** Repeating a write under its id has no further effect. */
        writeId: z.string().check(z.minLength(1, "writeId must not be empty")),
      }),
    result: () =>
      z.object({
        status: z.enum(["accepted", "unknownProcess", "starting", "stdinClosed"]),
      }),
  },
  /**
   * End of input after what was written before; ^D in a terminal. Capability `processCloseStdin`.
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
   * A signal to the process group: `interrupt`, which is SIGINT, or a name of POSIX, for which the
   * capability is `processSignals`. A process that is unknown or gone is no error.
   */
  "process/signal": {
    params: () => z.object({ processId, signal: z.enum(["interrupt", ...signalNames]), requestId }),
    result: () => z.object({}),
  },
  /** SIGKILL to everything the process started. `running` says whether it was still running. */
  "process/terminate": { params: byProcessId, result: () => z.object({ running: z.boolean() }) },
  /** The processes of this session. Capability `processList`. */
  "process/list": {
    params: () => z.nullish(z.object({})),
    result: () => z.object({ processes: z.array(processSummary()) }),
  },
};

/**
 * Events of one process share one count from 1 without gaps. `exited` may come before the last
 * output; `closed` is the last.
 */
export const processEvents = {
  "process/output": { params: () => z.extend(outputChunk(), { processId }), bulk: "chunk" },
  "process/exited": {
    params: () =>
      z.object({
        processId,
        seq: z.number(),
        /** Death by signal n is 128 + n. */
        exitCode: z.number(),
        sandboxDenied: z.boolean(),
        reason: reason(),
        /** Capability `processUsage`. */
        usage: z.optional(usage()),
      }),
  },
  "process/closed": { params: () => z.object({ processId, seq: z.number() }) },
} as const;
