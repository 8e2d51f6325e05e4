import { randomUUID } from "node:crypto";
import type { Params } from "../../protocol/methods.ts";
import { checkArguments } from "../calls/options.ts";
import { type Path, uriOfPath } from "../calls/paths.ts";
import type { CallOptions } from "../calls/perform.ts";
import type { Sandbox } from "../files/files.ts";
import { type EnvPolicy, envPolicyOf } from "./shell-environment.ts";
import { present, type Variables } from "./variables.ts";

/** Rows and columns of a terminal, 1 to 65 535 each. */
export interface TerminalSize {
  readonly rows: number;
  readonly cols: number;
}

/** How to start a command. Aborting `signal` kills the process, even long after its start. */
export interface StartOptions extends CallOptions {
  /** Unique in the session. Default: a random one. */
  readonly id?: string | undefined;
  /** Working directory. Default: that of the executor. */
  readonly cwd?: Path | undefined;
  /** Variables added to those that the executor derives from its own environment. Default none. */
  readonly env?: Variables | undefined;
  /**
   * Which of the executor's own variables the process inherits; null makes `env` the whole
   * environment. Default: all but the orchestrator's own, such as CODEX_VERSION.
   */
  readonly envPolicy?: Partial<EnvPolicy> | null | undefined;
  /** Gives the process a stdin to write to. Default false: its stdin is empty. */
  readonly stdin?: boolean | undefined;
  /** Runs it in a pty, of 24 rows and 80 columns with `true`. Default false. */
  readonly terminal?: boolean | TerminalSize | undefined;
  /** The argv[0] that the process sees. Default: `argv[0]`. */
  readonly arg0?: string | undefined;
  /** Confines the process. Default: it has all the rights of the executor. */
  readonly sandbox?: Sandbox | undefined;
}

/** Builds the request to start a command. `cwd` is the default working directory. */
export function startRequest(
  argv: readonly string[],
  options: StartOptions,
  cwd: string,
): Params<"process/start"> {
  checkArguments({ argv });
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
    ...(typeof terminal === "object" ? { size: { rows: terminal.rows, cols: terminal.cols } } : {}),
    ...(sandbox === undefined ? {} : { sandbox }),
    ...(arg0 === undefined ? {} : { arg0 }),
  };
}
