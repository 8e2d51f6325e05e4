import type { Buffer } from "node:buffer";
import { execFile } from "node:child_process";
import { readSync } from "node:fs";
import { Socket } from "node:net";
import { terminalSizeDefault } from "../../../../limits.ts";
import type { SpawnRequest, TerminalSize } from "../start/spawner.ts";
import { toolEnv } from "./tools.ts";

/** What the shell of `script` reports about itself before it becomes the program. */
export interface TerminalReport {
  readonly pid: number;
  /** Path of the terminal device, by which it is resized. */
  readonly device: string;
}

/**
 * The arguments of `script`. Its command is one argument, so the program's arguments and
 * environment together are limited to 128 KiB, as one argument is.
 */
export function scriptArguments(request: SpawnRequest, program: string): string[] {
  const { rows, cols } = request.size ?? terminalSizeDefault;
  const [, ...rest] = request.argv;
  // The descriptor after those of the request, on which the shell reports its pid and terminal.
  const reportFd = 3 + (request.fds?.length ?? 0) + (request.feeds?.length ?? 0);
  const variables = Object.entries(request.env).filter(([name]) => name !== "");
  const env = variables.map(([name, value]) => `${name}=${value}`);
  const command = [
    `stty rows ${rows} cols ${cols}`,
    `echo $$ "$(tty)" >&${reportFd}`,
    // `env` and not the shell decides what the program gets: shells add variables of their own.
    `exec ${["env", "-i", ...env, program, ...rest].map(quoted).join(" ")} ${reportFd}>&-`,
  ].join("; ");
  return ["-q", "-e", "-f", "-c", command, "/dev/null"];
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", () => `'\\''`)}'`;
}

/** Undefined when `script` ended before there was a terminal. */
export function readReport(fd: number): Promise<TerminalReport | undefined> {
  return new Promise((resolve) => {
    const socket = new Socket({ fd, readable: true, writable: false });
    let text = "";
    socket.setEncoding("utf8");
    socket.on("data", (part: string) => {
      text += part;
      if (text.includes("\n")) socket.destroy();
    });
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      const [, pid, device] = /^(\d+) (\/\S+)\n/.exec(text) ?? [];
      resolve(pid && device ? { pid: Number(pid), device } : undefined);
    });
  });
}

export function resizeTerminal(device: string, { rows, cols }: TerminalSize): void {
  const args = ["-F", device, "rows", String(rows), "cols", String(cols)];
  // Fails when the terminal has gone in the meantime, and needs no size.
  execFile("stty", args, { env: toolEnv }, () => {});
}

/** Reads what a non-blocking pipe holds; returns the number of bytes, 0 when there are none. */
export function readAvailable(fd: number, memory: Buffer): number {
  try {
    return readSync(fd, memory);
  } catch {
    // EAGAIN: it is empty.
    return 0;
  }
}
