/**
 * Attempts to get out of a sandbox. Each is made in a fresh place: `ws` may be written, `outside`
 * has a file that may not, and must be the same afterwards.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { FileSystem } from "../../src/environment/file-system.ts";
import { remoteFileSystem } from "../../src/environment/remote/file-system.ts";
import type { Sandbox } from "../../src/protocol/sandbox.ts";
import { type LocalSandbox, localSandbox } from "../../src/sandbox/sandbox.ts";
import { uri, workspaceOnly, workspaceWrite } from "./sandboxes.ts";

export const secret = "not to be read or changed";

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
  async shell(script: string, sandbox = this.writing): Promise<string> {
    const env = {
      PATH: "/usr/local/bin:/usr/bin:/bin",
      OUT: this.at("outside"),
      WS: this.at("ws"),
    };
    const request = { argv: ["/bin/sh", "-c", script] as const, env, cwd: this.at("ws") };
    const confined = await this.sandbox.confine(sandbox, request);
    if (!confined) throw new Error("nothing would confine this");
    const [file, ...argv] = confined.request.argv;
    const { fds, cwd } = confined.request;
    const child = spawn(file, argv, {
      env: {},
      cwd: `${cwd}`,
      stdio: ["ignore", "pipe", "pipe", ...fds],
    });
    confined.started();
    let text = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (more: string) => {
        text += more;
      });
    }
    await new Promise((resolve) => child.once("close", resolve));
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

  async clear(): Promise<void> {
    for (const racer of this.#racers) racer.kill("SIGKILL");
    await this.sandbox.close();
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

type Attempt = (ground: Ground) => Promise<unknown>;

const dataBase64 = Buffer.from("planted").toString("base64");

/** Makes the call many times while somebody swaps things: one success would be enough. */
async function often(call: () => Promise<unknown>): Promise<void> {
  for (let count = 0; count < 150; count++) await call().catch(refused);
}

const refused = () => undefined;

/** Writing by a file operation. The promise may fail; only the damage counts. */
export const fileWrites: Record<string, Attempt> = {
  "a link to a file": (g) => {
    g.link("ws/l", g.at("outside/f"));
    return g.files(g.writing).writeFile({ path: uri(g.at("ws/l")), dataBase64 });
  },
  "a relative link": (g) => {
    g.link("ws/l", "../outside/f");
    return g.files(g.writing).writeFile({ path: uri(g.at("ws/l")), dataBase64 });
  },
  "a chain of links": (g) => {
    g.link("ws/a", "b");
    g.link("ws/b", "../ws/c");
    g.link("ws/c", "../outside/./../outside/f");
    return g.files(g.writing).writeFile({ path: uri(g.at("ws/a")), dataBase64 });
  },
  "a dangling link": (g) => {
    g.link("ws/l", g.at("outside/new"));
    return g.files(g.writing).writeFile({ path: uri(g.at("ws/l")), dataBase64 });
  },
  "a link to a directory": (g) => {
    g.link("ws/d", g.at("outside"));
    return g.files(g.writing).writeFile({ path: uri(g.at("ws/d/new")), dataBase64 });
  },
  dots: (g) =>
    g.files(g.writing).writeFile({ path: uri(`${g.at("ws")}/../outside/f`), dataBase64 }),
  "escaped dots": (g) =>
    g.files(g.writing).writeFile({ path: uri(`${g.at("ws")}/%2e%2e/outside/f`), dataBase64 }),
  "the root of a process": (g) =>
    g.files(g.writing).writeFile({ path: uri(`/proc/1/root${g.at("outside/f")}`), dataBase64 }),
  "the worker's own root": (g) =>
    g.files(g.writing).writeFile({ path: uri(`/proc/self/root${g.at("outside/f")}`), dataBase64 }),
  "the worker's own directory": (g) =>
    g.files(g.writing).writeFile({ path: uri(`/proc/self/cwd${g.at("outside/f")}`), dataBase64 }),
  "the parent of the workspace": (g) =>
    g.files(g.only).writeFile({ path: uri(g.at("stray")), dataBase64 }),
  "a directory through a link": (g) => {
    g.link("ws/d", g.at("outside"));
    return g.files(g.writing).createDirectory({ path: uri(g.at("ws/d/x/y")) });
  },
  "removal through a link": (g) => {
    g.link("ws/d", g.at("outside"));
    return g.files(g.writing).remove({ path: uri(g.at("ws/d/f")) });
  },
  "removal of a tree that has a link in it": (g) => {
    mkdirSync(g.at("ws/t"));
    g.link("ws/t/d", g.at("outside"));
    return g.files(g.writing).remove({ path: uri(g.at("ws/t")) });
  },
  "a copy to the outside": (g) => {
    writeFileSync(g.at("ws/s"), "planted");
    const paths = { sourcePath: uri(g.at("ws/s")), destinationPath: uri(g.at("outside/f")) };
    return g.files(g.writing).copy({ ...paths, recursive: false });
  },
  "a tree copied over a link": (g) => {
    mkdirSync(g.at("ws/t"));
    writeFileSync(g.at("ws/t/new"), "planted");
    g.link("ws/d", g.at("outside"));
    const paths = { sourcePath: uri(g.at("ws/t")), destinationPath: uri(g.at("ws/d")) };
    return g.files(g.writing).copy({ ...paths, recursive: true });
  },
  "a tree that brings a protected name": (g) => {
    mkdirSync(g.at("ws/t/.git"), { recursive: true });
    writeFileSync(g.at("ws/t/.git/planted"), "");
    const paths = { sourcePath: uri(g.at("ws/t")), destinationPath: uri(g.at("ws")) };
    return g.files(g.writing).copy({ ...paths, recursive: true });
  },
  "opening for replacement through a link": (g) => {
    g.link("ws/l", g.at("outside/f"));
    const open = { handleId: "h", path: uri(g.at("ws/l")), mode: "replace" as const };
    return g.files(g.writing).open(open);
  },
  "a protected name that does not exist": (g) =>
    g.files(g.writing).writeFile({ path: uri(g.at("ws/.codex")), dataBase64 }),
  "a file in a protected name that does not exist": async (g) => {
    const files = g.files(g.writing);
    await files.createDirectory({ path: uri(g.at("ws/.git")) }).catch(refused);
    await files.writeFile({ path: uri(g.at("ws/.git/planted")), dataBase64 });
  },
  "a link to a protected name": async (g) => {
    g.link("ws/l", ".git");
    const files = g.files(g.writing);
    await files.createDirectory({ path: uri(g.at("ws/l/x")) }).catch(refused);
    await files.writeFile({ path: uri(g.at("ws/l")), dataBase64 });
  },
  "a protected name made after the worker started": async (g) => {
    const files = g.files(g.writing);
    await files.writeFile({ path: uri(g.at("ws/a")), dataBase64 });
    mkdirSync(g.at("ws/.git"));
    await files.writeFile({ path: uri(g.at("ws/.git/planted")), dataBase64 });
  },
  "a workspace that is swapped for a link": async (g) => {
    const files = g.files(g.writing);
    await files.writeFile({ path: uri(g.at("ws/a")), dataBase64 });
    renameSync(g.at("ws"), g.at("ws2"));
    mkdirSync(g.at("ws"));
    g.link("ws/b", g.at("outside/f"));
    await files.writeFile({ path: uri(g.at("ws/b")), dataBase64 });
  },
  "a FIFO that leads nowhere": (g) => {
    execFileSync("mkfifo", [g.at("ws/p")]);
    return g.files(g.writing).writeFile({ path: uri(g.at("ws/p")), dataBase64 });
  },
  "a name that is swapped between file and link": (g) => {
    g.race("ln -sfn ../outside/f ws/x; rm -f ws/x; : > ws/x");
    const files = g.files(g.writing);
    return often(() => files.writeFile({ path: uri(g.at("ws/x")), dataBase64 }));
  },
  "a directory that is swapped for a link": (g) => {
    mkdirSync(g.at("swap"));
    g.race("mv -T ws/d swap/d 2>/dev/null; ln -sfn ../outside ws/d; rm -f ws/d; mkdir -p ws/d");
    const files = g.files(g.writing);
    return often(() => files.writeFile({ path: uri(g.at("ws/d/new")), dataBase64 }));
  },
  "a directory that is swapped for a link to a protected name": (g) => {
    g.race("rm -rf ws/d; ln -sfn .git ws/d; rm -f ws/d; mkdir -p ws/d");
    const files = g.files(g.writing);
    return often(() => files.createDirectory({ path: uri(g.at("ws/d/planted")) }));
  },
  "a file of another session": async (g) => {
    const first = g.sandbox.files();
    const path = uri(g.at("ws/own"));
    await first.call(g.writing)("fs/open", { handleId: "h", path, mode: "replace" });
    const write = { handleId: "h", offset: 0, chunk: dataBase64 };
    await g.sandbox.files().openFiles("fs/writeBlock", write).catch(refused);
    if (readFileSync(g.at("ws/own"), "utf8") !== "") writeFileSync(g.at("stolen"), "");
  },
};

/** Reading by a file operation, under a policy that grants `ws` alone. Gives what was read. */
export const fileReads: Record<string, Attempt> = {
  "a file outside": (g) => g.files(g.only).readFile({ path: uri(g.at("outside/f")) }),
  "a link to a file": (g) => {
    g.link("ws/l", g.at("outside/f"));
    return g.files(g.only).readFile({ path: uri(g.at("ws/l")) });
  },
  "a link to a directory": (g) => {
    g.link("ws/d", "../outside");
    return g.files(g.only).readFile({ path: uri(g.at("ws/d/f")) });
  },
  "a copy into the workspace": async (g) => {
    const paths = { sourcePath: uri(g.at("outside/f")), destinationPath: uri(g.at("ws/c")) };
    await g.files(g.only).copy({ ...paths, recursive: false });
    return readFileSync(g.at("ws/c"), "utf8");
  },
  "an open file": (g) =>
    g.files(g.only).open({ handleId: "h", path: uri(g.at("outside/f")), mode: "read" }),
  "the list of a directory": (g) => g.files(g.only).readDirectory({ path: uri(g.at("outside")) }),
  "a walk along links": (g) => {
    g.link("ws/d", g.at("outside"));
    const options = {
      maxDepth: 9,
      maxDirectories: 99,
      maxEntries: 99,
      pruneHiddenDirectories: false,
    };
    const walk = {
      path: uri(g.at("outside")),
      options: { ...options, followDirectorySymlinks: true },
    };
    return g.files(g.only).walk(walk);
  },
  "system files": (g) => g.files(g.only).readFile({ path: "file:///etc/passwd" }),
  "the worker's own libraries": (g) => g.files(g.only).readDirectory({ path: "file:///usr/lib" }),
  "the worker's own program": (g) => g.files(g.only).readFile({ path: uri(process.execPath) }),
  "the server's variables": (g) =>
    g.files(g.only).readFile({ path: uri(`/proc/${process.pid}/environ`) }),
  "the worker's own variables": (g) => g.files(g.only).readFile({ path: "file:///proc/1/environ" }),
  "a name that is swapped for a link": async (g) => {
    g.race("ln -sfn ../outside/f ws/x; rm -f ws/x; : > ws/x");
    const files = g.files(g.only);
    let found = "";
    await often(async () => {
      found += (await files.readFile({ path: uri(g.at("ws/x")) })).dataBase64;
    });
    if (found === "") throw new Error("nothing was read");
    return found;
  },
};

/** Shell scripts run as confined processes. */
export const scripts: Record<string, string> = {
  "writing outside": "echo planted > $OUT/f",
  "writing through a link": "ln -s $OUT/f l; echo planted > l",
  "a hard link to a file outside": "ln $OUT/f h && echo planted > h",
  "moving a file out": "echo planted > m; mv m $OUT/m",
  "renaming the workspace's parent": "mv $OUT $WS/../elsewhere",
  "the root of the first process": "echo planted > /proc/1/root$OUT/f",
  "the root of the shell": "echo planted > /proc/self/root$OUT/f",
  "filling a protected name": "mkdir -p .git; echo planted > .git/planted",
  "replacing a protected name": "rm -rf .git; rmdir .git; mv .git g; mkdir .git; : > .git/planted",
  "replacing an ancestor of a protected name": "cd ..; mv ws swap && mkdir ws; : > ws/.git/planted",
  "mounting it writable again": "mount -o remount,rw / ; echo planted > $OUT/f",
  "unmounting what protects": "umount .git; umount -l .git; : > .git/planted",
  "a bind of the outside": "mkdir b; mount --bind $OUT b && echo planted > b/f",
  "a new user namespace": "unshare -Urm sh -c 'mount -o remount,rw / ; echo planted > $OUT/f'",
  "unmounting in a new user namespace":
    "unshare -Urm sh -c 'umount -l .git; mkdir -p .git; : > .git/planted'",
  "the namespaces of another process": "nsenter -t 1 -m sh -c 'echo planted > $OUT/f'",
  "a device of the disk": "mknod d b 8 0 && dd if=/dev/zero of=d count=1; mknod k c 1 1",
  "descriptors that were left open":
    "for fd in 3 4 5 6 7 8 9 10; do (echo planted >&$fd) 2>/dev/null; done; " +
    "cd /proc/self/fd && for n in *; do echo planted > $n/../$OUT/f; done",
};

/** Programs for python that print ESCAPED when they get what they must not. */
export const programs: Record<string, string> = {
  "an internet socket": "import socket\nsocket.socket(socket.AF_INET)",
  "a netlink socket": "import socket\nsocket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
  "an abstract socket": "import socket\nsocket.socket(socket.AF_UNIX).connect('\\0escape')",
  "a pair that can send to any path":
    "import socket\nsocket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)",
  "a raw pair": "import socket\nsocket.socketpair(socket.AF_UNIX, socket.SOCK_RAW)",
  io_uring: sysCall(425, "1, 0"),
  ptrace: sysCall(process.arch === "arm64" ? 117 : 101, "16, 1, 0, 0"),
  "another process's memory": sysCall(process.arch === "arm64" ? 270 : 310, "1, 0, 0, 0, 0, 0"),
  "input for the terminal": "import fcntl\nfcntl.ioctl(0, 0x5412, b'x')",
  "calls of another convention": sysCall(0x40000000 + 39, ""),
  "a signal for a process outside": `import os\nos.kill(${process.pid}, 0)`,
};

function sysCall(number: number, args: string): string {
  const list = args === "" ? `${number}` : `${number}, ${args}`;
  return (
    "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n" +
    `assert libc.syscall(${list}) >= 0, os.strerror(ctypes.get_errno())`
  );
}

/** What a python program under the sandbox printed. */
export function pythonScript(program: string): string {
  const quoted = program.replaceAll("'", `'"'"'`);
  return `python3 -c '${quoted}\nprint("ESCAPED")'`;
}

export const hasPython = spawnSync("python3", ["-c", ""]).status === 0;

export function hardLinkInto(ground: Ground): void {
  linkSync(ground.at("outside/f"), ground.at("ws/h"));
}
