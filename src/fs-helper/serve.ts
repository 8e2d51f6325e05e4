/**
 * `codex fs-helper`: reads one JSON request per line from stdin and writes one JSON answer per line
 * to stdout, in order, until the input ends. I/O blocks, because the worker has nothing else to do,
 * and because the sandbox refuses sockets, which Node would make of its stdio.
 */
import { Buffer } from "node:buffer";
import { readSync, writeSync } from "node:fs";
import { directFileSystem } from "../environment/local/files/direct-file-system.ts";
import { lentJournal } from "../environment/local/files/lent-journal.ts";
import { openFiles } from "../environment/local/files/open-files.ts";
import { fileSystemHandlers } from "../handlers/file-system.ts";
import { invalidParams, invalidRequest, RpcError, toRpcError } from "../protocol/errors.ts";
import { pathUriComplaint } from "../protocol/path-uri.ts";
import { accessTable, type Grants } from "../sandbox/policy/access.ts";
import { callAllDirectly } from "../system/mount-lanes.ts";
import { guardedFileSystem } from "./guarded-file-system.ts";
import type { HelperFileSystem } from "./helper-file-system.ts";
import { inputLines } from "./input-lines.ts";
import { whenReady } from "./when-ready.ts";

const stdin = 0;
const stdout = 1;

/**
 * Serves until the input ends. A line that is no request is answered with an error. Calls
 * `answeredFirst` when the first operation has been answered.
 */
export async function runFsHelper(answeredFirst?: () => void): Promise<void> {
  const worker = new Worker();
  callAllDirectly();
  let answers = 0;
  for (const line of inputLines((bytes) => readSync(stdin, bytes))) {
    const answer = await worker.answer(line.toString("utf8"));
    writeAll(Buffer.from(`${JSON.stringify(answer)}\n`));
    // The first answer is to `confine`.
    if (++answers === 2) answeredFirst?.();
  }
}

type Json = Record<string, unknown>;

class Worker {
  #files: HelperFileSystem = { ...directFileSystem(), ...openFiles() };
  #isConfined = false;

  async answer(line: string): Promise<Json> {
    try {
      const { operation, params } = requestIn(line);
      const response = await this.#perform(operation, params);
      return { status: "ok", payload: { operation, response } };
    } catch (error) {
      const { code, message } = toRpcError(error);
      return { status: "error", payload: { code, message } };
    }
  }

  async #perform(operation: string, params: Json): Promise<unknown> {
    if (operation === "confine") return this.#confine(params as unknown as Grants);
    const handler = handlers[operation];
    if (!handler) throw unknownOperation(operation);
    checkParams(operation, params);
    const fileSystem = () => this.#files;
    // A request typed by hand may lack `mode`, and must not truncate the file then.
    return handler({ fileSystem }, { mode: "read", ...params });
  }

  #confine({ journalFd, ...grants }: Grants & { journalFd?: number }): Json {
    if (this.#isConfined) throw invalidRequest("this worker has been confined already");
    const journal = journalFd === undefined ? undefined : lentJournal(journalFd);
    const direct = { ...directFileSystem(journal), ...openFiles() };
    this.#files = guardedFileSystem(direct, accessTable(grants));
    this.#isConfined = true;
    return {};
  }
}

type Handler = (context: { fileSystem(): HelperFileSystem }, params: Json) => unknown;

const { "fs/watchMissing": _, ...served } = fileSystemHandlers;

/**
 * Only what lacks or is no path is found here: the server has checked the params, and others typed
 * by hand fail in the operation.
 */
const handlers = { __proto__: null, ...served } as unknown as Record<string, Handler>;

function requestIn(line: string): { operation: string; params: Json } {
  const request = parsed(line);
  if (typeof request !== "object" || request === null) throw badLine("it is no JSON object");
  const { operation, params } = request as Json;
  if (typeof operation !== "string")
    throw badLine("`operation` must name a method such as fs/readFile");
  if (typeof params !== "object" || params === null) throw badLine("`params` must be an object");
  return { operation, params: params as Json };
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw badLine(error instanceof Error ? error.message : String(error));
  }
}

function badLine(why: string): RpcError {
  return new RpcError(-32700, `this line is not a request: ${why}`);
}

function unknownOperation(operation: string): RpcError {
  return new RpcError(-32601, `fs-helper has no operation \`${operation}\``);
}

/** What an operation cannot do without; all others need a `path`. */
const neededMembers: Readonly<Record<string, readonly string[]>> = {
  "fs/writeFile": ["path", "dataBase64"],
  "fs/walk": ["path", "options"],
  "fs/copy": ["sourcePath", "destinationPath"],
  "fs/open": ["handleId", "path"],
  "fs/readBlock": ["handleId", "offset", "len"],
  "fs/writeBlock": ["handleId", "offset", "chunk"],
  "fs/close": ["handleId"],
};

const pathMembers: readonly string[] = ["path", "sourcePath", "destinationPath"];

function checkParams(operation: string, params: Json): void {
  for (const name of neededMembers[operation] ?? ["path"]) {
    const uri = params[name];
    if (uri === undefined) throw invalidParams(`missing field \`${name}\``);
    if (!pathMembers.includes(name)) continue;
    if (typeof uri !== "string") throw invalidParams(`\`${name}\` must be a file URI`);
    const complaint = pathUriComplaint(uri);
    if (complaint) throw invalidParams(`\`${name}\`: ${complaint}`);
  }
}

function writeAll(bytes: Buffer): void {
  for (let written = 0; written < bytes.length; ) {
    written += whenReady(() => writeSync(stdout, bytes, written));
  }
}
