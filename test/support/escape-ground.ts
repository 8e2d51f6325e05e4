/** Where attempts to get out of a sandbox are made. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import type { FileSystem } from "../../src/environment/file-system.ts";
import { remoteFileSystem } from "../../src/environment/remote/file-system.ts";
import type { Sandbox } from "../../src/protocol/sandbox.ts";
import type { ConfinedProcess } from "../../src/sandbox/confined-process.ts";
import type { ProcessRequest } from "../../src/sandbox/process-request.ts";
import { type LocalSandbox, localSandbox } from "../../src/sandbox/sandbox.ts";
import { uri, workspaceOnly, workspaceWrite } from "./sandboxes.ts";

export const secret = "not to be read or changed";

/** A fresh place: `ws` may be written, `outside` has a file that may not, and must be the same. */
export class Ground {
  readonly directory: string;
  readonly sandbox: LocalSandbox;
  readonly #racers: ChildProcess[] = [];

  constructor() {
    this.directory = mkdtempSync("/var/tmp/escape-");
    mkdirSync(this.at("ws"));
    mkdirSync(this.at("outside"));
    writeFileSync(this.at("outside/f"), secret);
    const { PATH, TMPDIR } = process.env;
    this.sandbox = localSandbox({ variables: { PATH, TMPDIR }, cwd: "/" });
  }

  at(name: string): string {
    return join(this.directory, name);
  }

  link(name: string, target: string): void {
    symlinkSync(target, this.at(name));
  }

  /** Everything readable, `ws` writable. */
  get writing(): Sandbox {
    return workspaceWrite(this.at("ws"));
  }

  /** Only `ws`, for reading and writing. */
  get only(): Sandbox {
    return workspaceOnly(this.at("ws"));
  }

  files(sandbox: Sandbox): FileSystem {
    return remoteFileSystem(this.sandbox.files().call(sandbox));
  }

  /** Runs a shell script under the sandbox and gives all it printed. */
  shell(script: string, sandbox = this.writing, local = this.sandbox): Promise<string> {
    const env = {
      PATH: "/usr/local/bin:/usr/bin:/bin",
      OUT: this.at("outside"),
      WS: this.at("ws"),
    };
    const argv = ["/bin/sh", "-c", script] as const;
    return this.run(sandbox, { argv, env, cwd: this.at("ws") }, local);
  }

  /** Runs a program under the sandbox and gives all it printed. */
  async run(sandbox: Sandbox, request: ProcessRequest, local = this.sandbox): Promise<string> {
    const confined = await local.confine(sandbox, request);
    if (!confined) throw new Error("nothing would confine this");
    const [file, ...argv] = confined.request.argv;
    const { cwd, feeds } = confined.request;
    const child = spawn(file, argv, {
      env: {},
      cwd: `${cwd}`,
      stdio: ["ignore", "pipe", "pipe", ...feeds.map(() => "pipe" as const)],
      detached: true,
    });
    let text = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (more: string) => {
        text += more;
      });
    }
    const closed = new Promise((resolve) => child.once("close", resolve));
    try {
      await confined.started(startedWith(child, feeds, () => text));
    } catch (error) {
      text += error;
      // The group, as a server does: what waits at the gate does not yet die with its parent.
      if (child.pid !== undefined) killGroup(child.pid);
    }
    await closed;
    await confined.ended();
    return text;
  }

  /** Does `script` over and over, outside of any sandbox, until the ground is cleared. */
  race(script: string): void {
    const racer = spawn("/bin/sh", ["-c", `while :; do ${script}; done`], {
      cwd: this.directory,
      stdio: "ignore",
    });
    this.#racers.push(racer);
  }

  /** What is different from how it has to be. */
  damage(): string[] {
    const found: string[] = [];
    if (readFileSync(this.at("outside/f"), "utf8") !== secret) found.push("outside/f was changed");
    const strangers = readdirSync(this.at("outside")).filter((name) => name !== "f");
    if (strangers.length > 0) found.push(`outside has ${strangers}`);
    const top = readdirSync(this.directory).filter((name) => !/^(?:ws2?|outside|swap)$/.test(name));
    if (top.length > 0) found.push(`beside it there is ${top}`);
    for (const name of [".git", ".agents", ".codex", ".aws"]) {
      if (existsSync(this.at(`ws/${name}/planted`))) found.push(`${name} was filled`);
    }
    return found;
  }

  /** A sandbox that does nothing at all lets nobody out either: what is granted has to be done. */
  async checkThatFilesWork(sandbox: Sandbox): Promise<void> {
    const path = uri(this.at("ws/granted"));
    const files = this.files(sandbox);
    await files.writeFile({ path, dataBase64: "eA==" });
    assert.equal((await files.readFile({ path })).dataBase64, "eA==");
  }

  async clear(): Promise<void> {
    for (const racer of this.#racers) racer.kill("SIGKILL");
    await this.sandbox.close();
    // What was made unreadable can be removed only by root.
    spawnSync("chmod", ["-R", "u+rwX", this.directory]);
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Nothing is left of it where it ended by itself. */
function killGroup(leaderPid: number): void {
  try {
    process.kill(-leaderPid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** With sockets for the pipes of a server, and no sign when they are read. */
function startedWith(
  child: ChildProcess,
  feeds: ConfinedProcess["request"]["feeds"],
  words: () => string,
) {
  if (child.pid === undefined) return undefined;
  const fed = feeds.map(({ head, rest = Buffer.alloc(0) }, at) => {
    const socket = child.stdio[3 + at] as Socket;
    // Whoever was killed reads no more.
    socket.on("error", () => {});
    const finish = (given = rest) => void socket.end(Buffer.concat([head, given]));
    const close = () => void (socket.writableEnded || socket.destroy());
    return { begun: undefined, finish, close };
  });
  const isClosed = once(child, "close");
  const lastWords = () => isClosed.then(words);
  return { pid: child.pid, feeds: fed, lastWords };
}

export function hardLinkInto(ground: Ground): void {
  linkSync(ground.at("outside/f"), ground.at("ws/h"));
}
