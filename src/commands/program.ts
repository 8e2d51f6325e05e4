import { Command } from "commander";
import { addExecServerOptions, type ExecServerFlags } from "./exec-server-options.ts";
import { auditVerifyHelp, doctorHelp, execServerHelp, fsHelperHelp } from "./help-texts.ts";
import { version } from "./version.ts";

/** The command line. The code of a command is loaded when it runs. */
export function program(): Command {
  const codex = new Command("codex")
    .description("Serve this machine to coding agents, over the protocol of the Codex CLI.")
    .version(version)
    .showHelpAfterError("Add --help to see the options and commands.")
    .showSuggestionAfterError()
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error:/, "Error:")) });
  addExecServer(codex);
  addFsHelper(codex);
  return codex;
}

function addExecServer(codex: Command): void {
  const execServer = codex
    .command("exec-server")
    .description("Run commands and access files for clients that connect over WebSocket.");
  addExecServerOptions(execServer);
  addDoctor(execServer);
  addAudit(execServer);
  addFinishWrites(execServer);
  // Last, because what it sets would be inherited by the commands above.
  execServer
    .addHelpText("after", execServerHelp)
    .allowExcessArguments()
    .action(async (flags: ExecServerFlags) => {
      refuseUnknownCommand(execServer);
      const { runExecServer } = await import("./exec-server.ts");
      await runExecServer(flags);
    });
}

/** To commander, a misspelt command of one that also runs alone is an argument too many. */
function refuseUnknownCommand(command: Command): void {
  const [given] = command.args;
  if (given === undefined) return;
  const known = command.createHelp().visibleCommands(command);
  const names = known.map((one) => one.name()).join(", ");
  command.error(`error: unknown command '${given}'; the commands here are: ${names}`);
}

function addDoctor(execServer: Command): void {
  execServer
    .command("doctor")
    .description("Check what the server needs on this machine, and tell how to fix what fails.")
    .option("--json", "print the findings as JSON")
    .addHelpText("after", doctorHelp)
    .action(async (flags: { readonly json?: boolean }) => {
      const { runDoctor } = await import("./doctor.ts");
      await runDoctor(flags);
    });
}

function addAudit(execServer: Command): void {
  execServer
    .command("audit")
    .description("Check audit logs.")
    .command("verify <FILE>")
    .description("Check that no line of an audit log was changed, moved or removed.")
    .option("--last <HASH>", "hash that the last line must have: reveals lines removed at the end")
    .addHelpText("after", auditVerifyHelp)
    .action(async (file: string, flags: { readonly last?: string }) => {
      const { runAuditVerify } = await import("./audit-verify.ts");
      await runAuditVerify(file, flags);
    });
}

/** Hidden: not run by hand, but by the keeper after the server's death. */
function addFinishWrites(execServer: Command): void {
  execServer.command("finish-writes <FOLDER>", { hidden: true }).action(async (folder: string) => {
    const { runFinishWrites } = await import("./finish-writes.ts");
    await runFinishWrites(folder);
  });
}

function addFsHelper(codex: Command): void {
  codex
    .command("fs-helper")
    .description(
      "Do file operations, one JSON request a line on stdin. Run by the server, confined.",
    )
    .addHelpText("after", fsHelperHelp)
    .action(async () => {
      const { runFsHelper } = await import("../fs-helper/serve.ts");
      await runFsHelper();
    });
}
