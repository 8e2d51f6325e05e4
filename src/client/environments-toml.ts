import { parse } from "smol-toml";

/** One `[[environments]]` of `environments.toml`. */
export interface ConfiguredEnvironment {
  readonly id: string;
  /** `ws:` or `wss:`; undefined for an environment that sets `program`. */
  readonly url: string | undefined;
  readonly bearerToken?: string | undefined;
  readonly connectTimeoutMs?: number | undefined;
  readonly initializeTimeoutMs?: number | undefined;
}

export interface EnvironmentsFile {
  readonly environments: readonly ConfiguredEnvironment[];
  readonly includeLocal: boolean;
  /** An id, or `none` in any case; undefined when the file has no default. */
  readonly default: string | undefined;
}

/** The configuration of environments is wrong. */
export class EnvironmentConfigError extends Error {
  constructor(complaint: string, options?: ErrorOptions) {
    super(`exec-server protocol error: ${complaint}`, options);
    this.name = "EnvironmentConfigError";
  }
}

type Table = Readonly<Record<string, unknown>>;

/** Parses `environments.toml`. `path` names it in messages. Throws an `EnvironmentConfigError`. */
export function parseEnvironments(text: string, path: string): EnvironmentsFile {
  const file = shapeOf(text, path);
  const ids = new Set<string>();
  const environments = (file.environments ?? []).map((table) => {
    refuseId(table.id);
    refuseForm(table);
    if (ids.has(table.id)) throw complaint(`environment id \`${table.id}\` is duplicated`);
    ids.add(table.id);
    return configured(table);
  });
  const includeLocal = file.include_local ?? true;
  if (includeLocal) ids.add("local");
  refuseDefault(file.default, ids);
  return { environments, includeLocal, default: file.default };
}

const complaint = (text: string) => new EnvironmentConfigError(text);

interface EnvironmentTable {
  readonly id: string;
  readonly url?: string;
  readonly program?: string;
  readonly args?: readonly string[];
  readonly env?: Table;
  readonly cwd?: string;
  readonly auth_bearer_token?: string;
  readonly connect_timeout_sec?: number;
  readonly initialize_timeout_sec?: number;
  readonly skills?: Table;
}

interface FileTable {
  readonly default?: string;
  readonly include_local?: boolean;
  readonly environments?: readonly EnvironmentTable[];
}

const configured = (table: EnvironmentTable): ConfiguredEnvironment => ({
  id: table.id,
  url: table.url?.trim(),
  bearerToken: table.auth_bearer_token,
  connectTimeoutMs: milliseconds(table.connect_timeout_sec),
  initializeTimeoutMs: milliseconds(table.initialize_timeout_sec),
});

const milliseconds = (seconds: number | undefined) =>
  seconds === undefined ? undefined : seconds * 1000;

// ---- the rules for values

function refuseId(id: string): void {
  if (id.trim() === "") throw complaint("environment id cannot be empty");
  if (id.trim() !== id) {
    throw complaint(`environment id \`${id}\` must not contain surrounding whitespace`);
  }
  if (id === "local" || id.toLowerCase() === "none") {
    throw complaint(`environment id \`${id}\` is reserved`);
  }
  if (id.length > idLengthMax) {
    throw complaint(`environment id \`${id}\` cannot be longer than ${idLengthMax} characters`);
  }
  if (!/^[A-Za-z0-9_-]+$/.test(id)) {
    throw complaint(
      `environment id \`${id}\` must contain only ASCII letters, numbers, '-' or '_'`,
    );
  }
}

const idLengthMax = 64;

function refuseForm(table: EnvironmentTable): void {
  const { id, url, program } = table;
  if ((url === undefined) === (program === undefined)) {
    throw complaint(`environment \`${id}\` must set exactly one of url or program`);
  }
  if (url !== undefined) refuseUrlForm(table, url.trim());
  else refuseProgramForm(table);
}

function refuseUrlForm({ id, args, env, cwd }: EnvironmentTable, url: string): void {
  if (args !== undefined || env !== undefined || cwd !== undefined) {
    throw complaint(`environment \`${id}\` args, env, and cwd require program`);
  }
  const why = urlComplaint(url);
  if (why) throw complaint(why);
}

/** Why `url` cannot be connected to, or undefined. */
export function urlComplaint(url: string): string | undefined {
  if (url === "") return "environment url cannot be empty";
  if (!/^wss?:\/\//.test(url)) return `environment url \`${url}\` must use ws:// or wss://`;
  if (!URL.canParse(url)) return `environment url \`${url}\` is invalid: it names no host`;
  return undefined;
}

function refuseProgramForm(table: EnvironmentTable): void {
  const { id, program = "" } = table;
  if (program.trim() === "") throw complaint(`environment \`${id}\` program cannot be empty`);
  for (const name of ["connect_timeout_sec", "auth_bearer_token"] as const) {
    if (table[name] !== undefined) throw complaint(`environment \`${id}\` ${name} requires url`);
  }
}

function refuseDefault(id: string | undefined, known: ReadonlySet<string>): void {
  if (id === undefined || id.toLowerCase() === "none") return;
  if (id.trim() === "") throw complaint("default environment id cannot be empty");
  if (!known.has(id)) throw complaint(`default environment \`${id}\` is not configured`);
}

// ---- the shape of the file

const fileFields: Fields = {
  default: "string",
  include_local: "boolean",
  environments: "tables",
};

const environmentFields: Fields = {
  id: "string",
  url: "string",
  program: "string",
  args: "strings",
  env: "table",
  cwd: "string",
  auth_bearer_token: "string",
  connect_timeout_sec: "number",
  initialize_timeout_sec: "number",
  skills: "table",
};

type Fields = Readonly<Record<string, keyof typeof kinds>>;

const isTable = (value: unknown): value is Table =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isText = (value: unknown) => typeof value === "string";

/** The check for each kind of value. */
const kinds = {
  string: isText,
  boolean: (value: unknown) => typeof value === "boolean",
  number: (value: unknown) => typeof value === "number" && value >= 0 && Number.isFinite(value),
  table: isTable,
  strings: (value: unknown) => Array.isArray(value) && value.every(isText),
  tables: (value: unknown) => Array.isArray(value) && value.every(isTable),
};

/** Parses the TOML, and checks that it has only known fields, each of its kind. */
function shapeOf(text: string, path: string): FileTable {
  try {
    const file = parse(text);
    checkFields(file, fileFields);
    for (const table of (file.environments ?? []) as Table[]) {
      checkFields(table, environmentFields);
      if (table.id === undefined) throw new Error("missing field `id`");
    }
    return file as FileTable;
  } catch (error) {
    const reason = (error as Error).message;
    throw new EnvironmentConfigError(`failed to parse environment config \`${path}\`: ${reason}`, {
      cause: error,
    });
  }
}

function checkFields(table: Table, fields: Fields): void {
  for (const [name, value] of Object.entries(table)) {
    const kind = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (kind === undefined) {
      const known = Object.keys(fields).map((field) => `\`${field}\``);
      throw new Error(`unknown field \`${name}\`, expected one of ${known.join(", ")}`);
    }
    if (!kinds[kind](value)) throw new Error(`invalid value of \`${name}\`, expected ${kind}`);
  }
}
