// What clients of a server begin with, done once.
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { connect } from "../../dist/library.js";

/** Work that cannot be done on this machine is left out: not everywhere is there a sandbox. */
export async function doFirstWork(url) {
  const folder = await mkdtemp(join(tmpdir(), "work-"));
  const machine = await connect(url);
  await Promise.allSettled([filesOf(machine, folder), processesOf(machine, folder)]);
  machine.detach();
  const again = await connect(url, { resumeSessionId: machine.sessionId });
  await again.close();
}

async function filesOf({ files }, folder) {
  const file = join(folder, "file");
  await files.stat(join(folder, "missing")).catch(() => {});
  await files.makeDirectory(join(folder, "some/where"), { recursive: true });
  await files.write(file, "text");
  await files.stat(file);
  await files.read(file);
  await files.realPath(file);
  await files.list(folder);
  await files.walk(folder);
  await files.copy(file, join(folder, "copy"));
  await files.remove(join(folder, "some"), { recursive: true });
}

async function processesOf(machine, folder) {
  await machine.run(["cat"], { cwd: folder, input: "text" });
  await machine.run(["echo", "text"], { terminal: true });
  const process = await machine.start(["sleep", "60"]);
  await process.kill();
  await process.closed;
  const sandbox = sandboxFor(folder);
  await machine.run(["echo", "text"], { cwd: folder, sandbox });
  await machine.files.list(folder, { sandbox });
}

const sandboxFor = (folder) => ({
  permissions: {
    type: "managed",
    file_system: {
      type: "restricted",
      entries: [
        { path: { type: "special", value: { kind: "root" } }, access: "read" },
        { path: { type: "path", path: pathToFileURL(folder).href }, access: "write" },
      ],
    },
    network: "restricted",
  },
  windowsSandboxLevel: "disabled",
});
