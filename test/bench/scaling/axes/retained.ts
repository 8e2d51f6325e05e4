import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { pathOf } from "../../folder.ts";
import { readAll } from "../../retained.ts";
import { msOf, sleep } from "../../timing.ts";
import type { Axis } from "../axis.ts";

let runs = 0;

/** Output of a process that was printed while its client was away, and is fetched afterwards. */
export const retained: Axis = {
  name: "retained",
  counted: "MB printed while away",
  sizes: [0.2, 2, 20, 200],
  costs: [
    { name: "print", unit: "ms/MB" },
    { name: "RSS", unit: "KB/MB" },
    { name: "read", unit: "ms/MB" },
    { name: "peak RSS of the read", unit: "KB/MB" },
  ],
  async measure(server, size) {
    const { client, family } = await server.settle();
    runs += 1;
    const [go, done] = [pathOf(`go-${runs}`), pathOf(`done-${runs}`)];
    execFileSync("mkfifo", [go]);
    const script = `read line < '${go}'; head -c ${size * 1e6} /dev/zero; : > '${done}'`;
    const zeros = await client.start(["/bin/sh", "-c", script]);
    client.close();
    await sleep(200);
    const residentKb = family.residentKb();
    const printMs = await msOf(async () => {
      // Whoever opens the pipe to write lets the reader at its other end go on.
      await writeFile(go, "");
      while (!existsSync(done)) await sleep(1);
    });
    await sleep(100);
    const printedKb = family.residentKb();
    family.resetPeak();
    let bytes = 0;
    const readMs = await msOf(async () => {
      bytes = await readAll(await server.open(client.sessionId), zeros.processId);
    });
    const megabytes = bytes / 1e6;
    return {
      print: printMs / size,
      RSS: (printedKb - residentKb) / size,
      read: readMs / megabytes,
      "peak RSS of the read": (family.peakKb() - printedKb) / megabytes,
    };
  },
};
