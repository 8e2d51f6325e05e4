/**
 * What the library's options and arguments have to be. They are checked before anything is sent: a
 * wrong one may mean something else, as a text in place of an `envPolicy` would mean none. The
 * words of a policy are left to the executor, which names the one that it refuses.
 */
import {
  terminalLinesMax,
  walkDepthMax,
  walkDirectoriesMax,
  walkEntriesMax,
} from "../../limits.ts";
import {
  abortSignal,
  bytes,
  type Check,
  flag,
  list,
  members,
  object,
  oneOf,
  optional,
  path,
  pause,
  record,
  text,
  timeLimit,
  unless,
  wholeNumber,
} from "./checks.ts";

const lines = wholeNumber(1, terminalLinesMax);
const sizeMembers = { rows: lines, cols: lines };
const size = members(sizeMembers);
const sizeOfTerminal = members(
  sizeMembers,
  "true, false or a size, such as { rows: 24, cols: 80 }",
);
const texts = list(text, "a list of texts");

const envPolicy = members({
  inherit: optional(text),
  ignoreDefaultExcludes: optional(flag),
  exclude: optional(texts),
  set: optional(record(text)),
  includeOnly: optional(texts),
});

const noise = members({
  registryUrl: optional(text),
  environmentId: optional(text),
  authToken: optional(text),
});

const isIterable = (value: unknown) =>
  typeof value === "object" && value !== null && Symbol.iterator in value;

/** Pairs are not looked into, because some can be iterated only once. */
const headers: Check = (name, value) => {
  if (!isIterable(value)) record(text)(name, value);
};

/** A name means the same in all operations. */
const checks = {
  signal: abortSignal,
  // Files
  sandbox: object,
  followSymlinks: flag,
  recursive: flag,
  force: flag,
  depthMax: wholeNumber(0, walkDepthMax),
  directoriesMax: wholeNumber(0, walkDirectoriesMax),
  entriesMax: wholeNumber(0, walkEntriesMax),
  followDirectorySymlinks: flag,
  skipHiddenDirectories: flag,
  paths: list(path, "a list of paths"),
  present: path,
  // Processes
  argv: list(text, 'a list of texts, such as ["ls", "-l"]'),
  id: text,
  cwd: path,
  env: record(text),
  envPolicy: unless([null], envPolicy),
  stdin: flag,
  terminal: unless([true, false], sizeOfTerminal),
  arg0: text,
  input: bytes,
  size,
  // HTTP
  method: text,
  headers,
  headerVariables: record(text),
  body: bytes,
  redirect: oneOf("follow", "manual"),
  timeoutMs: wholeNumber(0),
  // Connections
  clientName: text,
  bearerToken: text,
  resumeSessionId: text,
  connectTimeoutMs: timeLimit,
  initializeTimeoutMs: timeLimit,
  heartbeatIntervalMs: timeLimit,
  reconnectIntervalMs: pause,
  reconnectWindowMs: pause,
  // Environments
  variables: record(text),
  codexHome: text,
  execServerUrl: text,
  noise,
  local: object,
  connect: object,
  // The variables of an agent's commands
  policy: envPolicy,
  threadId: text,
  sessionId: text,
  toolCallId: text,
  version: text,
  proxy: record(text),
  networkDisabled: flag,
} satisfies Readonly<Record<string, Check>>;

type Name = keyof typeof checks;

/** Checks all options that are given. Unknown names are ignored. */
export function checkOptions(options: unknown): void {
  object("options", options);
  for (const name in options as object) {
    const value = (options as Readonly<Record<string, unknown>>)[name];
    if (value !== undefined && Object.hasOwn(checks, name)) checks[name as Name](name, value);
  }
}

/** Checks arguments, none of which may be undefined. */
export function checkArguments(given: { readonly [N in Name]?: unknown }): void {
  for (const [name, value] of Object.entries(given)) checks[name as Name](name, value);
}
