import { Command, InvalidArgumentError, Option } from "commander";
import { sessionTtlMs } from "../limits.ts";
import { version } from "./version.ts";

/** The command line. Each command's code is loaded when it is asked for. */
export function program(): Command {
  const codex = new Command("codex")
    .description("Serve this machine to coding agents, over the protocol of the Codex CLI.")
    .version(version)
    .showHelpAfterError()
    .showSuggestionAfterError();
  addExecServer(codex);
  return codex;
}

function addExecServer(codex: Command): void {
  codex
    .command("exec-server")
    .description("Run commands and work on files for clients that connect by WebSocket.")
    .addOption(
      new Option(
        "--listen <URL>",
        "address to listen at: ws://IP:PORT; port 0 takes a free one",
      ).default("ws://127.0.0.1:0"),
    )
    .addOption(
      new Option("--session-ttl <SECONDS>", "how long a session without a connection lives")
        .argParser(positiveSeconds)
        .default(sessionTtlMs / 1000),
    )
    .addHelpText("after", execServerHelp)
    .action(async (options: { listen: string; sessionTtl: number }) => {
      const { runExecServer } = await import("./exec-server.ts");
      await runExecServer({ listen: options.listen, sessionTtlMs: options.sessionTtl * 1000 });
    });
}

function positiveSeconds(text: string): number {
  const seconds = Number(text);
  if (Number.isFinite(seconds) && seconds > 0) return seconds;
  throw new InvalidArgumentError("Expected a number of seconds greater than 0.");
}

const execServerHelp = `
The URL of the server is the only line on stdout. Diagnostics go to stderr.
SIGTERM and SIGINT stop the server and everything that it started.

Examples:
  $ codex exec-server
  $ codex exec-server --listen ws://127.0.0.1:8765
  $ CODEX_EXEC_SERVER_URL=ws://127.0.0.1:8765 codex exec "run the tests"`;
