import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { type Group, lower } from "../group.ts";
import { msOf, sleep } from "../timing.ts";

const run = promisify(execFile);

/** How soon a server is there, against the least that Node itself takes, and what it weighs. */
export const start: Group = {
  name: "start",
  rounds: 8,
  metrics: [
    { ...lower("node -e 0"), basis: true },
    lower("URL line"),
    { ...lower("URL line / node", "times"), basis: true },
    lower("initialize answer"),
    { ...lower("initialize answer / node", "times"), basis: true },
    lower("RSS", "MB"),
  ],
  fresh: true,
  async measure(server) {
    await server.open();
    const initializeMs = performance.now() - server.startedAt;
    await sleep(250);
    const residentKb = server.family().residentKb();
    const nodeMs = await msOf(() => run("sh", ["-c", 'exec "$0" -e 0', process.execPath]));
    return {
      "node -e 0": nodeMs,
      "URL line": server.urlMs,
      "URL line / node": server.urlMs / nodeMs,
      "initialize answer": initializeMs,
      "initialize answer / node": initializeMs / nodeMs,
      RSS: residentKb / 1024,
    };
  },
};
