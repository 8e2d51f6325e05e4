/** Attempts to get out of a sandbox by file operations. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import type { Ground } from "./escape-ground.ts";
import { uri } from "./sandboxes.ts";

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
  "opening for more through a link": async (g) => {
    g.link("ws/l", g.at("outside/f"));
    const files = g.sandbox.files();
    const open = { handleId: "h", path: uri(g.at("ws/l")), mode: "resume" as const };
    await files.call(g.writing)("fs/open", open);
    await files.openFiles("fs/writeBlock", { handleId: "h", offset: 0, chunk: dataBase64 });
  },
  "opening for more what may be read alone": async (g) => {
    const files = g.sandbox.files();
    const open = { handleId: "h", path: uri(g.at("outside/f")), mode: "resume" as const };
    await files.call(g.writing)("fs/open", open);
    await files.openFiles("fs/writeBlock", { handleId: "h", offset: 0, chunk: dataBase64 });
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
