import { Buffer } from "node:buffer";
import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { constants as system } from "node:os";
import { libcIfAny, native } from "../../environment/local/libc/libc.ts";
import { auditTailBytes, auditTextCharsMax } from "../../limits.ts";
import { internalError, messageOf } from "../../protocol/errors.ts";
import { type AuditFields, type ChainEnd, followLine, nextLine } from "./audit-chain.ts";
import { type AuditEnd, auditEndIn, tearEvent, tearOf } from "./audit-tear.ts";
import type { Log } from "./log.ts";

/** Records who started what and where. Throws when it cannot: then nothing may be started. */
export interface AuditLog {
  enter(event: AuditEvent, fields: AuditFields): void;
  /** Why nothing can be entered now; undefined when it can. Tries again what has failed before. */
  hindrance(): string | undefined;
  close(): void;
}

export type AuditEvent =
  | "server-started"
  | "session-opened"
  | "session-resumed"
  | "session-ended"
  | "process-started"
  | "process-not-started"
  | "process-ended"
  | "entries-missing"
  | typeof tearEvent;

/**
 * Opens a file for appending, and continues the chain in it. Throws when another server uses the
 * file.
 */
export async function openAuditLog(path: string, log: Log): Promise<AuditLog> {
  const file = openForAppending(path);
  if (!fstatSync(file).isFile()) {
    throw new Error(`the audit log ${path} is no regular file: nothing can be looked up there`);
  }
  await refuseSharing(file, path);
  const audit = new AuditFile(file, path, log);
  const reason = reasonOf(() => audit.mend());
  if (reason !== undefined) throw new Error(`the audit log ${path} ${reason}`);
  return audit;
}

function openForAppending(path: string): number {
  const { O_APPEND, O_CREAT, O_RDWR } = constants;
  try {
    return openSync(path, O_RDWR | O_APPEND | O_CREAT, 0o600);
  } catch (error) {
    throw new Error(`the audit log ${path} cannot be opened: ${messageOf(error)}`);
  }
}

/**
 * Writes each line synchronously, before the action that it records: some twenty microseconds
 * beside a process start. A last line that a crash or a full disk cut off is left as it is, and the
 * next lines tell of it and of the entries that are missing.
 */
class AuditFile implements AuditLog {
  readonly #file: number;
  readonly #path: string;
  readonly #log: Log;
  #size: number;
  #end: ChainEnd;
  /** The bytes after the last complete line. */
  #torn: Buffer;
  /** Entries that could not be written since the last one that could. */
  #missing = 0;

  constructor(file: number, path: string, log: Log) {
    this.#file = file;
    this.#path = path;
    this.#log = log;
    this.#size = fstatSync(file).size;
    const { end, behind } = endOf(file, this.#size, path);
    this.#end = end;
    this.#torn = behind;
  }

  enter(event: AuditEvent, fields: AuditFields): void {
    const reason = reasonOf(() => {
      this.mend();
      this.#append("", event, fields);
    });
    if (reason === undefined) return;
    const complaint = `the audit log ${this.#path} ${reason}`;
    // Logged once, because every start and end of a process would repeat it.
    if (this.#missing++ === 0) this.#log("error", complaint);
    throw internalError(complaint);
  }

  /** Without the path, which is nothing for those who ask without a token. */
  hindrance(): string | undefined {
    const reason = reasonOf(() => this.mend());
    return reason && `the audit log ${reason}`;
  }

  /**
   * Makes the file end with a complete line, and tells what is missing in it: so it is also the way
   * to find out whether a full disk has room again.
   */
  mend(): void {
    this.#refuseChanges();
    if (this.#torn.length > 0) this.#mendTear();
    if (this.#missing === 0) return;
    this.#append("", "entries-missing", { count: this.#missing });
    this.#log("warn", `the audit log ${this.#path} is written again`, { missing: this.#missing });
    this.#missing = 0;
  }

  /** Ends a last line that only lacks its line feed, and describes a torn one in a new line. */
  #mendTear(): void {
    const unended = followLine(this.#end, this.#torn.toString());
    if (typeof unended === "object") {
      this.#write("\n");
      this.#end = unended;
    } else {
      this.#append("\n", tearEvent, tearOf(this.#torn));
    }
  }

  /**
   * The file was changed by another program, such as a second server or a rotation in place, which
   * breaks the chain, or it was removed, which loses the entries.
   */
  #refuseChanges(): void {
    const { size, nlink } = fstatSync(this.#file);
    if (size === this.#size && nlink > 0) return;
    const deed = nlink > 0 ? "changed" : "removed";
    throw new Error(
      `was ${deed} by somebody else, so nothing more is started; give each server its own ` +
        "file, and restart this one with a new file",
    );
  }

  close(): void {
    closeSync(this.#file);
  }

  #append(lineStart: string, event: AuditEvent, fields: AuditFields): void {
    const line = nextLine(this.#end, { time: new Date().toISOString(), event, ...cut(fields) });
    this.#write(`${lineStart}${line.text}\n`);
    this.#end = line;
  }

  #write(text: string): void {
    const bytes = Buffer.from(text);
    let written = 0;
    try {
      written = writeSync(this.#file, bytes);
      if (written < bytes.length) throw new Error("no space left");
      this.#torn = nothing;
    } catch (error) {
      this.#torn = Buffer.concat([this.#torn, bytes.subarray(0, written)]);
      throw new Error(`cannot be written, so nothing is started: ${messageOf(error)}`);
    } finally {
      this.#size += written;
    }
  }
}

/** Why the work fails; undefined when it does not. */
function reasonOf(work: () => void): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** Two servers would break each other's chain; the second is refused, for the first one's sake. */
async function refuseSharing(file: number, path: string): Promise<void> {
  const libc = await libcIfAny();
  // Without native functions, and on a disk without locks, a foreign line is still noticed.
  if (!libc || libc.flock(file, native.LOCK_EX | native.LOCK_NB) === 0) return;
  if (libc.errno() !== system.errno.EWOULDBLOCK) return;
  throw new Error(`the audit log ${path} is in use by another server; give each its own file`);
}

const nothing = Buffer.alloc(0);

/** Ids and paths come from clients and could be very long. */
function cut(fields: AuditFields): AuditFields {
  const entries = Object.entries(fields).map(([name, value]) => [
    name,
    typeof value === "string" && value.length > auditTextCharsMax
      ? `${value.slice(0, auditTextCharsMax)}…`
      : value,
  ]);
  return Object.fromEntries(entries);
}

/** The end of the chain, and the bytes behind it: none, or a torn line. */
function endOf(file: number, size: number, path: string): AuditEnd {
  const tail = Buffer.alloc(Math.min(size, auditTailBytes));
  readSync(file, tail, 0, tail.length, size - tail.length);
  const found = auditEndIn(tail, tail.length === size);
  if (found) return found;
  throw new Error(
    `the audit log ${path} does not end with a line of an audit log, whole or cut off; check it ` +
      "by `codex exec-server audit verify`, move it away and start again",
  );
}
