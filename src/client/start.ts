import { randomUUID } from "node:crypto";
import { inspect } from "node:util";
import type { Params } from "../protocol/methods.ts";
import type { Sandbox } from "./files.ts";
import { type Path, uriOfPath } from "./paths.ts";
import type { CallOptions } from "./perform.ts";
import { type EnvPolicy, envPolicyOf } from "./shell-environment.ts";
import { sizeOf, type TerminalSize } from "./terminal-size.ts";
import { present, type Variables } from "./variables.ts";

/**
 * How a command is started. Aborting `signal` kills the process, also when it has long been
 * started.
 */
export interface StartOptions extends CallOptions {
  /** Unique in the session. Default: a random one. */
  readonly id?: string | undefined;
  /** Working directory. Default: that of the executor. */
  readonly cwd?: Path | undefined;
  /** Variables laid over what the executor derives from its own environment. Default none. */
  readonly env?: Variables | undefined;
  /**
   * What the executor passes on of its own environment; null makes `env` the whole environment.
   * Default: all of it.
   */
  readonly envPolicy?: Partial<EnvPolicy> | null | undefined;
  /** Gives the process a stdin to write to; without it there is nothing to read. Default false. */
  readonly stdin?: boolean | undefined;
  /** Runs it in a terminal, of 24 rows and 80 columns with `true`. Default false. */
  readonly terminal?: boolean | TerminalSize | undefined;
  /** What the process sees as its name, when that is not the program. */
  readonly arg0?: string | undefined;
  /** Confines the process. Default: it may do what the executor may. */
  readonly sandbox?: Sandbox | undefined;
}

/** The request to start a command; `cwd` is where the executor works. */
export function startRequest(
  argv: readonly string[],
  options: StartOptions,
  cwd: string,
): Params<"process/start"> {
  if (!Array.isArray(argv)) throw noList(argv);
  const { terminal, sandbox, arg0 } = options;
  return {
    processId: options.id ?? randomUUID(),
    argv: [...argv],
    cwd: options.cwd === undefined ? cwd : uriOfPath(options.cwd),
    env: present(options.env ?? {}),
    envPolicy: options.envPolicy === null ? null : envPolicyOf(options.envPolicy),
    tty: Boolean(terminal),
    pipeStdin: options.stdin ?? false,
    enforceManagedNetwork: false,
    ...(typeof terminal === "object" ? { size: sizeOf(terminal) } : {}),
    ...(sandbox === undefined ? {} : { sandbox }),
    ...(arg0 === undefined ? {} : { arg0 }),
  };
}

const noList = (argv: unknown) =>
  new TypeError(`a command is a list of texts, such as ["ls", "-l"], not ${inspect(argv)}`);
