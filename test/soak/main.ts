import { parseArgs } from "node:util";
import { type Load, makeLoad } from "./load.ts";
import { startTarget, type Target } from "./target.ts";

const usage = `npm run soak -- [options]

  --seconds N   how long the load lasts (default: 60; --minutes 10 for the long run)
  --minutes N   the same in minutes
  --clients N   clients at a time (default: 6)

Starts a server, loads it with a random mixture of work, sandboxed and not, cuts connections and kills
processes. In the end everything has to be back where it began: descriptors, memory, processes, files. Exits 1 if not.
`;

const { values: options } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    minutes: { type: "string" },
    clients: { type: "string", default: "6" },
    help: { type: "boolean", default: false },
  },
});

if (options.help) process.stdout.write(usage);
else await soak();

async function soak(): Promise<void> {
  const target = await startTarget();
  try {
    // The first rounds load code and fill caches, which is no leak.
    await loadFor(target, 8);
    const before = await target.settled();
    const load = await loadFor(target, seconds());
    const after = await target.settled();
    process.stdout.write(`${load.summary()}\n\n`);
    const rows = target.compare(before, after);
    process.stdout.write(`${rows.map(({ line }) => line).join("\n")}\n`);
    if (rows.some(({ isFine }) => !isFine) || load.failures.length > 0) process.exitCode = 1;
  } finally {
    await target.stop();
  }
}

function seconds(): number {
  return options.minutes === undefined ? Number(options.seconds) : Number(options.minutes) * 60;
}

async function loadFor(target: Target, lengthSeconds: number): Promise<Load> {
  const load = makeLoad(target, performance.now() + lengthSeconds * 1000);
  await Promise.all(Array.from({ length: Number(options.clients) }, () => load.run()));
  return load;
}
