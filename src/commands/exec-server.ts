import { parseListenUrl } from "../server/listen-url.ts";
import { inheritableVariables } from "./inheritable-variables.ts";
import { stderrLog } from "./stderr-log.ts";
import { version } from "./version.ts";

interface ExecServerCommand {
  readonly listen: string;
  readonly sessionTtlMs: number;
}

/** `codex exec-server`: serves until a signal comes, then leaves nothing behind. */
export async function runExecServer(command: ExecServerCommand): Promise<void> {
  const server = await startOrExplain(command);
  process.stdout.write(`${server.url}\n`);
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.once(signal, () => void server.close().then(() => process.exit(0)));
  }
}

async function startOrExplain(command: ExecServerCommand) {
  try {
    return await start(command);
  } catch (error) {
    process.stderr.write(
      `Error: ${startComplaint(error as NodeJS.ErrnoException, command.listen)}\n`,
    );
    process.exit(1);
  }
}

async function start({ listen, sessionTtlMs }: ExecServerCommand) {
  const address = parseListenUrl(listen);
  const { startExecServer } = await import("../server/exec-server.ts");
  const environment = import("../environment/local/environment.ts").then(({ localEnvironment }) =>
    localEnvironment({ variables: inheritableVariables(), cwd: process.cwd(), version }),
  );
  return startExecServer({ address, sessionTtlMs, environment, log: stderrLog });
}

function startComplaint(error: NodeJS.ErrnoException, listen: string): string {
  switch (error.code) {
    case "EADDRINUSE":
      return `cannot listen at ${listen}: address in use; choose another port, or 0 for a free one`;
    case "EADDRNOTAVAIL":
      return `cannot listen at ${listen}: address not available on this machine`;
    case "EACCES":
      return `cannot listen at ${listen}: permission denied; ports below 1024 need privileges`;
    default:
      return error.message;
  }
}
