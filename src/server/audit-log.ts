import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { internalError } from "../protocol/errors.ts";
import {
  type AuditFields,
  type ChainEnd,
  chainEndOf,
  chainStart,
  nextLine,
} from "./audit-chain.ts";

/** Enters who started what and where. Throws when it cannot: then nothing must be started. */
export interface AuditLog {
  enter(event: AuditEvent, fields: AuditFields): void;
  close(): void;
}

export type AuditEvent =
  | "server-started"
  | "session-opened"
  | "session-resumed"
  | "session-ended"
  | "process-started"
  | "process-not-started"
  | "process-ended";

/**
 * Opens a file for appending and goes on with the chain that it holds. A line is written before
 * what it tells of is done, in one synchronous call: some twenty microseconds beside a process
 * start.
 */
export function openAuditLog(path: string): AuditLog {
  const { O_APPEND, O_CREAT, O_RDWR } = constants;
  const file = openSync(path, O_RDWR | O_APPEND | O_CREAT, 0o600);
  let size = fstatSync(file).size;
  let end = chainEndIn(file, size, path);
  return {
    enter(event, fields) {
      refuseForeignChange(file, size, path);
      const line = nextLine(end, { time: new Date().toISOString(), event, ...fields });
      size += append(file, `${line.text}\n`, path);
      end = line;
    },
    close: () => closeSync(file),
  };
}

/** Longer than any line that is written here. */
const lastLineBytesMax = 64 * 1024;

function chainEndIn(file: number, size: number, path: string): ChainEnd {
  if (size === 0) return chainStart;
  const tail = Buffer.alloc(Math.min(size, lastLineBytesMax));
  readSync(file, tail, 0, tail.length, size - tail.length);
  const [lastLine = "", afterLast] = tail.toString().split("\n").slice(-2);
  const end = afterLast === "" ? chainEndOf(lastLine) : undefined;
  if (end) return end;
  throw new Error(
    `the audit log ${path} does not end with a whole line of an audit log; check it by ` +
      "`codex exec-server audit verify`, move it away and start again",
  );
}

/** A second server, or a rotation in place, would tear the chain. */
function refuseForeignChange(file: number, size: number, path: string): void {
  if (fstatSync(file).size === size) return;
  throw internalError(
    `the audit log ${path} was changed by somebody else, so nothing more is started; give each ` +
      "server its own file, and restart this one with a new file",
  );
}

function append(file: number, line: string, path: string): number {
  try {
    const written = writeSync(file, line);
    if (written === Buffer.byteLength(line)) return written;
    throw new Error("no space left");
  } catch (error) {
    const reason = error instanceof Error ? error.message : error;
    throw internalError(
      `the audit log ${path} cannot be written, so nothing is started: ${reason}`,
    );
  }
}
