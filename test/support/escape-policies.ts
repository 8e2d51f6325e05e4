/** Attempts to get at what a policy takes out of a workspace. */
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Sandbox } from "../../src/protocol/sandbox.ts";
import { type Ground, secret } from "./escape-ground.ts";
import { type Entry, glob, place, sandboxOf, special, workspaceWrite } from "./sandboxes.ts";

/** Places a secret below the ground, with the directories that it needs. */
export function hide(g: Ground, name: string): void {
  mkdirSync(dirname(g.at(name)), { recursive: true });
  writeFileSync(g.at(name), secret);
}

interface Hidden {
  /** The file that must not be read. */
  readonly name: string;
  readonly sandbox: Sandbox;
}

const deep = "ws/a".padEnd(100, "/a");

/** Ways to name a file in a deny pattern. */
export const patterns: Record<string, (g: Ground) => Hidden> = {
  "nested braces": (g) => hidden(g, "ws/b/x.key", g.at("ws/{a,{b,c}/{x,y}}.key")),
  "dots that go up": (g) => hidden(g, "ws/real/x.key", g.at("ws/x/../real/*.key")),
  "an escaped star": (g) => hidden(g, "ws/*/x.key", g.at("ws/\\*/?.key")),
  "a slash at the end": (g) => hidden(g, "ws/x.key", `${g.at("ws/*.key")}/`),
  "a level deep below": (g) => hidden(g, `${deep}/x.key`, g.at("ws/**/*.key")),
  "letters of several bytes": (g) => hidden(g, "ws/\u00e9\u{1f511}.key", g.at("ws/??.key")),
  "special characters in the working directory": (g) => hidden(g, "ws/[a]{b,c}/x.key", "*.key"),
  "a base behind an absolute link": (g) => {
    g.link("way", g.at("ws/real"));
    return hidden(g, "ws/real/x.key", g.at("way/*.key"));
  },
  "a name that is protected besides": (g) => hidden(g, "ws/.aws/x", g.at("ws/**/.a*")),
  "a name that is granted besides": (g) =>
    hidden(g, "ws/out/x", g.at("ws/o*"), place(g.at("ws/out"), "write")),
  "no special character": (g) => hidden(g, "ws/x.key", g.at("ws/x.key")),
  "a folder that can be searched but not listed": (g) => {
    const found = hidden(g, "ws/shut/x.key", g.at("ws/**/*.key"));
    chmodSync(g.at("ws/shut"), 0o111);
    return found;
  },
};

function hidden(g: Ground, name: string, pattern: string, ...more: Entry[]): Hidden {
  hide(g, name);
  const entries = [special("root", "read"), place(g.at("ws"), "write"), glob(pattern), ...more];
  return { name, sandbox: sandboxOf(entries, { cwd: `file://${dirname(g.at(name))}` }) };
}

interface Kept {
  readonly sandbox: Sandbox;
  /** Tries to make `ws/a/b/kept/planted`. */
  readonly script: string;
}

const plant = "mkdir -p a/b/kept; echo x > a/b/kept/planted";

/** Places that are taken out of the workspace, and of which not even the folder exists. */
export const missing: Record<string, (g: Ground) => Kept> = {
  "a missing folder that is read-only": (g) => ({
    sandbox: workspaceWrite(g.at("ws"), place(g.at("ws/a/b/kept"), "read")),
    script: plant,
  }),
  "a missing folder that is denied": (g) => ({
    sandbox: workspaceWrite(g.at("ws"), place(g.at("ws/a/b/kept"), "deny")),
    script: plant,
  }),
  "one that may be skipped when missing": (g) => ({
    sandbox: workspaceWrite(g.at("ws"), {
      ...place(g.at("ws/a/b/kept"), "deny"),
      ...{ missing_path_behavior: "skip" },
    }),
    script: plant,
  }),
  "one on the way to which things are moved": (g) => ({
    sandbox: workspaceWrite(g.at("ws"), place(g.at("ws/a/b/kept"), "deny")),
    script: `mv a c; mv a/b a/c; rmdir a/b/kept a/b a; rm -rf a; ${plant}`,
  }),
  "one in a missing writable folder": (g) => ({
    sandbox: workspaceWrite(
      g.at("ws"),
      place(g.at("ws/a/b"), "write"),
      place(g.at("ws/a/b/kept"), "read"),
    ),
    script: plant,
  }),
  "one that a file is in the way of": (g) => {
    writeFileSync(g.at("ws/a"), "");
    const sandbox = workspaceWrite(g.at("ws"), place(g.at("ws/a/b/kept"), "deny"));
    return { sandbox, script: `rm -f a; mv a c; ${plant}` };
  },
  "one that a link leads to": (g) => {
    symlinkSync("ws/a", g.at("way"));
    const sandbox = workspaceWrite(g.at("ws"), place(g.at("way/b/kept"), "deny"));
    return { sandbox, script: plant };
  },
};
