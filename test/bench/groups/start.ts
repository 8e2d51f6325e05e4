import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { openClient } from "../client.ts";
import type { Figures, Group } from "../group.ts";
import type { Target } from "../target.ts";

const run = promisify(execFile);

/** How soon a server is there, against the least that Node itself takes. */
export const start: Group = {
  name: "start",
  rounds: 8,
  metrics: [
    { name: "node -e 0", unit: "ms", better: "lower" },
    { name: "URL line", unit: "ms", better: "lower" },
    { name: "URL line / node", unit: "times", better: "lower" },
    { name: "initialize answer", unit: "ms", better: "lower" },
    { name: "initialize answer / node", unit: "times", better: "lower" },
  ],
  measure,
};

async function measure(target: Target): Promise<Figures> {
  const nodeMs = await nodeStartMs();
  const server = await target.launch();
  try {
    const client = await openClient(server.url);
    const initializeMs = performance.now() - server.startedAt;
    client.close();
    return {
      "node -e 0": nodeMs,
      "URL line": server.urlMs,
      "URL line / node": server.urlMs / nodeMs,
      "initialize answer": initializeMs,
      "initialize answer / node": initializeMs / nodeMs,
    };
  } finally {
    await server.stop();
  }
}

async function nodeStartMs(): Promise<number> {
  const before = performance.now();
  await run("sh", ["-c", 'exec "$0" -e 0', process.execPath]);
  return performance.now() - before;
}
