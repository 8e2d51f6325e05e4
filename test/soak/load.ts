import { join } from "node:path";
import { type Client, connect } from "../support/client.ts";
import { workspaceWrite } from "../support/sandboxes.ts";
import type { Target } from "./target.ts";

type Deed = (client: Client, name: string) => Promise<unknown>;

export interface Load {
  readonly failures: readonly string[];
  /** One client after the other, until the time is over. */
  run(): Promise<void>;
  summary(): string;
}

const pick = <T>(from: readonly T[]): T => from[Math.floor(Math.random() * from.length)] as T;

export function makeLoad(target: Target, endsAtMs: number): Load {
  const deeds = deedsAt(target.playground);
  const counts = new Map<string, number>();
  const failures: string[] = [];
  let names = 0;
  const count = (what: string) => counts.set(what, (counts.get(what) ?? 0) + 1);
  const doOne = async (client: Client) => {
    const [title, deed] = pick(Object.entries(deeds));
    try {
      await deed(client, `n${++names}`);
      count(title);
    } catch (error) {
      // Cut while it was under way: that is what the cuts are for.
      if (client.socket.readyState === client.socket.OPEN) failures.push(`${title}: ${error}`);
    }
  };
  const live = async () => {
    const client = await connect(target.url);
    await client.initialize();
    const work = Array.from({ length: 12 }, () => doOne(client));
    if (Math.random() < 0.4) return cut(client, work, count);
    await Promise.all(work);
    if (Math.random() < 0.5) await client.request("session/end", {});
    await client.close();
  };
  return {
    failures,
    run: async () => {
      while (performance.now() < endsAtMs) await live();
    },
    summary: () =>
      [...[...counts].map(([what, n]) => `${`${n}`.padStart(8)}  ${what}`), ...failures].join("\n"),
  };
}

async function cut(client: Client, work: Promise<void>[], count: (what: string) => void) {
  await Promise.race(work);
  await client.cut();
  count("connections cut");
  await Promise.all(work);
}

const command = (processId: string, script: string, more = {}) => ({
  processId,
  argv: ["/bin/sh", "-c", script, "soak-mark"],
  cwd: "file:///",
  env: { PATH: "/usr/bin:/bin" },
  tty: false,
  ...more,
});

async function toTheEnd(client: Client, processId: string): Promise<void> {
  await client.event("process/closed", (event) => event.processId === processId);
}

const byTheSame = Buffer.alloc(30_000, "z").toString("base64");

/** What has to go through bwrap: workers for files, and commands of their own. */
function confinedDeedsAt(playground: string): Record<string, Deed> {
  const sandbox = workspaceWrite(playground);
  const path = `file://${join(playground, "confined")}`;
  return {
    "sandboxed files": async (client) => {
      await client.request("fs/writeFile", { path, dataBase64: byTheSame, sandbox });
      await client.request("fs/readFile", { path, sandbox });
      await client.request("fs/readDirectory", { path: `file://${playground}`, sandbox });
    },
    "sandboxed files refused": (client) =>
      client
        .request("fs/writeFile", { path: "file:///etc/soak", dataBase64: byTheSame, sandbox })
        .then(
          () => Promise.reject(new Error("a sandbox let a write through")),
          () => undefined,
        ),
    "sandboxed commands": async (client, name) => {
      const script = `echo in > ${playground}/confined-$$; rm ${playground}/confined-$$`;
      await client.request("process/start", command(name, script, { sandbox }));
      await toTheEnd(client, name);
    },
    "sandboxed trees killed": async (client, name) => {
      const script = "(setsid sleep 100 &) ; sleep 100";
      await client.request("process/start", command(name, script, { sandbox }));
      await client.request("process/terminate", { processId: name });
      await toTheEnd(client, name);
    },
  };
}

function deedsAt(playground: string): Record<string, Deed> {
  const uri = (name: string) => `file://${join(playground, name)}`;
  return {
    ...confinedDeedsAt(playground),
    "short commands": async (client, name) => {
      await client.request("process/start", command(name, "echo out; echo err >&2"));
      await toTheEnd(client, name);
    },
    "much output": async (client, name) => {
      await client.request("process/start", command(name, "head -c 3000000 /dev/zero"));
      await toTheEnd(client, name);
    },
    "terminals killed": async (client, name) => {
      await client.request("process/start", command(name, "sleep 100", { tty: true }));
      await client.request("process/terminate", { processId: name });
      await toTheEnd(client, name);
    },
    "daemons left": (client, name) =>
      client.request("process/start", command(name, "setsid sleep 100 & sleep 100")),
    "trees killed": async (client, name) => {
      await client.request("process/start", command(name, "(setsid sleep 100 &) ; sleep 100"));
      await client.request("process/terminate", { processId: name });
      await toTheEnd(client, name);
    },
    "stdin echoed": async (client, name) => {
      await client.request("process/start", command(name, "exec cat", { pipeStdin: true }));
      const chunk = Buffer.alloc(20_000, "x").toString("base64");
      await client.request("process/write", { processId: name, chunk, writeId: "1" });
      await client.request("process/closeStdin", { processId: name });
      await toTheEnd(client, name);
    },
    "long polls": (client, name) =>
      client
        .request("process/start", command(name, "sleep 0.2"))
        .then(() => client.request("process/read", { processId: name, waitMs: 5000 })),
    "failed starts": (client, name) =>
      client.request("process/start", { ...command(name, ""), argv: ["/no/such"] }).catch(() => 0),
    "files written and removed": async (client, name) => {
      const path = uri("shared");
      const dataBase64 = Buffer.alloc(100_000, "y").toString("base64");
      await client.request("fs/writeFile", { path, dataBase64 });
      await client.request("fs/open", { handleId: name, path: "file:///etc/passwd" });
      await client.request("fs/readBlock", { handleId: name, offset: 0, len: 100 });
    },
    walks: (client) =>
      client.request("fs/walk", {
        path: "file:///usr/share/doc",
        options: {
          ...{ maxDepth: 3, maxDirectories: 200, maxEntries: 2000 },
          followDirectorySymlinks: false,
        },
      }),
    watches: (client, name) =>
      client.request("fs/watchMissing", { watchId: 1, missing: [uri(`never/${name}`)] }),
    "streams cancelled": async (client, name) => {
      const url = "http://127.0.0.1:1/";
      const request = { requestId: name, method: "GET", url, streamResponse: true };
      await client.request("http/request", request).catch(() => undefined);
      await client.request("http/cancel", { requestId: name });
    },
  };
}
