import { mkdirSync } from "node:fs";
import type { BenchClient } from "../client.ts";
import { median } from "../figures.ts";
import { pathOf, uriOf } from "../folder.ts";
import { type Group, lower } from "../group.ts";
import { inLanes, msOf, timesOf } from "../timing.ts";

/** Work that is confined to one folder. */
export const sandbox: Group = {
  name: "sandbox",
  rounds: 3,
  metrics: [
    lower("first operation of a policy, p50"),
    lower("100 operations"),
    lower("/bin/true closed, p50"),
  ],
  async measure(server, effort) {
    const client = await server.open();
    const count = Math.ceil(100 * effort);
    const folder = newFolder();
    await use(client, folder, 0);
    const operationsMs = await msOf(() => inLanes(count, 1, (index) => use(client, folder, index)));
    const readsAll = sandboxOf(folder, "root");
    const run = () => client.run(["/bin/true"], { sandbox: readsAll });
    return {
      "first operation of a policy, p50": await firstOperationMs(client),
      "100 operations": (operationsMs / count) * 100,
      "/bin/true closed, p50": median(await timesOf(Math.ceil(30 * effort), run)),
    };
  },
};

let folders = 0;

/** A folder of its own makes a policy of its own, which no server has seen. */
function newFolder(): string {
  folders += 1;
  const path = pathOf(`sandbox-${folders}`);
  mkdirSync(path);
  return path;
}

async function firstOperationMs(client: BenchClient): Promise<number> {
  return median(await inLanes(5, 1, () => msOf(() => use(client, newFolder(), 0))));
}

/** In turn writes a file and asks about it, where nothing but the folder is to be seen. */
function use(client: BenchClient, folder: string, index: number): Promise<Buffer> {
  const written = { path: uriOf(`${folder}/file`), sandbox: sandboxOf(folder, "minimal") };
  const [method, more] =
    index % 2 === 0 ? ["fs/writeFile", { dataBase64: "YWJj" }] : ["fs/getMetadata", {}];
  return client.ask(method, JSON.stringify({ ...written, ...more }));
}

function sandboxOf(folder: string, readable: "root" | "minimal") {
  const special = { path: { type: "special", value: { kind: readable } }, access: "read" };
  const own = { path: { type: "path", path: uriOf(folder) }, access: "write" };
  const file_system = { type: "restricted", entries: [special, own] };
  return {
    permissions: { type: "managed", file_system, network: "restricted" },
    cwd: uriOf(folder),
    windowsSandboxLevel: "disabled",
  };
}
