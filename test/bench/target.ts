import { fileURLToPath } from "node:url";
import { type BenchServer, launchServer } from "./server.ts";

/** One of the two sides that are compared. */
export interface Target {
  readonly label: string;
  /** Its command as people read it. */
  readonly shown: string;
  /** Starts a server of its own. */
  launch(): Promise<BenchServer>;
  /** The one server that groups share. */
  shared(): Promise<BenchServer>;
  /** Stops the shared one; the next who asks gets a new one. */
  stop(): Promise<void>;
}

export function thisTarget(): Target {
  const bin = fileURLToPath(new URL("../../bin/codex.js", import.meta.url));
  const rest = "exec-server --listen ws://127.0.0.1:0";
  const shown = `node bin/codex.js ${rest}`;
  return { ...targetOf("this", `'${process.execPath}' '${bin}' ${rest}`), shown };
}

export function targetOf(label: string, command: string): Target {
  let shared: Promise<BenchServer> | undefined;
  const launch = () => launchServer(command);
  return {
    label,
    shown: command,
    launch,
    shared() {
      shared ??= launch();
      return shared;
    },
    async stop() {
      const server = await shared;
      shared = undefined;
      await server?.stop();
    },
  };
}
