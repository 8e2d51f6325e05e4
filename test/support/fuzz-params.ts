/**
 * Params for every method, valid and nearly so. Whoever makes them up at random must not wreck the
 * machine: what is changed lies in the playground, and what replaces a path cannot be created.
 */
import fc from "fast-check";
import type { Method } from "../../src/protocol/methods.ts";

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
type ParamsArbitrary = fc.Arbitrary<Json>;

const one = (...texts: string[]) => fc.constantFrom(...texts);
const flag = fc.boolean();
const processId = one("p0", "p1", "p2", "p3");
const handleId = one("h0", "h1", "h2", "h".repeat(33));
const writeId = one("w0", "w1", "w2", "");
const requestId = one("r0", "r1", "r2");
const base64 = one("", "eA==", "eHl6", "====", "no base64", "A".repeat(9000));
const count = fc.constantFrom(0, 1, 3, 4096, 2 ** 20, 2 ** 53, 1e300);

const startOf = (cwd: string): ParamsArbitrary =>
  fc.record(
    {
      processId,
      argv: fc.constantFrom<Json>(
        ["/bin/cat"],
        ["/bin/sleep", "0.05"],
        ["/bin/sh", "-c", "echo out; echo err >&2"],
        ["/bin/sh", "-c", "kill -9 $$"],
        ["/no/such/program"],
        ["", "x"],
        [],
      ),
      cwd: fc.constant(cwd),
      env: fc.constantFrom<Json>({}, { A: "1" }, { "": "x" }, { "A=B": "c" }, { A: "\0" }),
      tty: flag,
      pipeStdin: flag,
      size: fc.constantFrom<Json>(null, { rows: 5, cols: 5 }, { rows: 0, cols: 70_000 }),
      arg0: fc.constantFrom<Json>(null, "other", ""),
      requestId,
    },
    { requiredKeys: ["processId", "argv", "cwd", "env", "tty"] },
  );

/** Params as a good client sends them; `playground` is the URI of a directory, with a slash. */
export function validParams(playground: string): Readonly<Record<Method, ParamsArbitrary>> {
  const path = one("a", "b", "d", "d/e", "fifo", "link", "").map((name) => playground + name);
  const below = one("a", "b", "d", "d/e", "d/e/f").map((name) => playground + name);
  const place = fc.record({ path, followSymlinks: flag }, { requiredKeys: ["path"] });
  const changed = { path: below, recursive: flag, force: flag, requestId };
  return {
    initialize: fc.record({ clientName: one("fuzz"), resumeSessionId: one("no such session") }),
    "session/end": fc.constantFrom<Json>(null, {}),
    "environment/info": fc.constant({}),
    "environment/status": fc.constant({}),
    "environmentConfig/read": fc.constant({}),
    "process/start": startOf(playground),
    "process/read": fc.record(
      { processId, afterSeq: count, maxBytes: count, waitMs: fc.constantFrom(0, 1, 20) },
      { requiredKeys: ["processId"] },
    ),
    "process/write": fc.record({ processId, chunk: base64, writeId }),
    "process/closeStdin": fc.record({ processId }),
    "process/resize": fc.record({ processId, size: fc.record({ rows: count, cols: count }) }),
    "process/signal": fc.record({ processId, signal: one("interrupt", "SIGTERM", "no") }),
    "process/terminate": fc.record({ processId }),
    "process/list": fc.constantFrom<Json>(null, {}),
    "fs/readFile": place,
    "fs/writeFile": fc.record({ path: below, dataBase64: base64, requestId }),
    "fs/createDirectory": fc.record(changed, { requiredKeys: ["path"] }),
    "fs/getMetadata": place,
    "fs/canonicalize": place,
    "fs/readDirectory": place,
    "fs/walk": fc.record({
      path,
      options: fc.record({
        maxDepth: count,
        maxDirectories: count,
        maxEntries: count,
        followDirectorySymlinks: flag,
      }),
    }),
    "fs/remove": fc.record(changed, { requiredKeys: ["path"] }),
    "fs/copy": fc.record({ sourcePath: path, destinationPath: below, recursive: flag }),
    "fs/open": fc.record(
      { handleId, path: below, mode: one("read", "replace", "resume"), identify: flag },
      { requiredKeys: ["handleId", "path", "mode"] },
    ),
    "fs/readBlock": fc.record({ handleId, offset: count, len: count }),
    "fs/writeBlock": fc.record({ handleId, offset: fc.constantFrom(0, 5, 2 ** 62), chunk: base64 }),
    "fs/close": fc.record({ handleId }),
    "fs/watchMissing": fc.record({ watchId: count, missing: fc.array(below, { maxLength: 3 }) }),
    "http/request": fc.record({
      requestId,
      method: one("GET", "get", "", "B\nAD"),
      url: one("http://127.0.0.1:1/", "ftp://x", "", "http://[", "http://127.0.0.1:99999/"),
      headers: fc.constantFrom<Json>([], [{ name: "", value: "" }], [{ name: "a", value: "\n" }]),
      timeoutMs: fc.constantFrom(0, 1, 50),
      streamResponse: flag,
    }),
    "http/cancel": fc.record({ requestId }),
  };
}

const nest = (depth: number) => JSON.parse("[".repeat(depth) + "]".repeat(depth)) as Json;

/** What stands where something else should. None of it names a path that could be created. */
export const oddValue: fc.Arbitrary<Json> = fc.oneof(
  fc.constantFrom<Json>(null, true, -1, 1.5, 1e308, "", "\0", "\ud800", [], {}, [[]], [null]),
  fc.constantFrom<Json>("relative", "file:///proc/no/such", "file:///proc/%00", "file:///proc/%zz"),
  fc.constantFrom<Json>("x".repeat(100_000), `file:///proc/${"x".repeat(5000)}`),
  fc.constantFrom(100, 126, 127, 128, 129, 1000).map(nest),
  fc.constantFrom(
    JSON.parse('{"__proto__":{"path":1},"constructor":1,"toString":null}') as Json,
    Array.from({ length: 5000 }, () => 1) as Json,
  ),
);

/** The same params with one member, at any depth, taken out, put in or replaced. */
export function spoilt(params: Json, at: number, odd: Json): Json {
  if (typeof params !== "object" || params === null) return odd;
  if (Array.isArray(params)) return params.map((item, index) => (index === 0 ? odd : item));
  const names = Object.keys(params);
  const name = names[at % (names.length + 1)];
  if (name === undefined) return { ...params, unknownMember: odd };
  const { [name]: member = null, ...rest } = params;
  if (at % 5 === 0) return rest;
  const isDeep = at % 2 === 0 && typeof member === "object" && member !== null;
  return { ...rest, [name]: isDeep ? spoilt(member, at >> 1, odd) : odd };
}
