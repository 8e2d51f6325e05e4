import { median, timesOf } from "../figures.ts";
import type { Group } from "../group.ts";

/** A key in a terminal and its echo back. */
export const terminal: Group = {
  name: "terminal",
  rounds: 5,
  metrics: [{ name: "echo of a key, p50", unit: "ms", better: "lower" }],
  async measure(target, effort) {
    const client = await target.open();
    let onEcho = () => {};
    // Raw, so that the end of a line has no meaning and nothing but the echo comes back.
    const script = "stty raw -echo; printf ready; exec cat";
    const cat = await client.start(["/bin/sh", "-c", script], {
      tty: true,
      onOutput: () => onEcho(),
    });
    await cat.firstOutput;
    const times = await timesOf(Math.ceil(200 * effort), async (index) => {
      const echoed = new Promise<void>((resolve) => {
        onEcho = resolve;
      });
      const write = { processId: cat.processId, chunk: "YQ==", writeId: `key-${index}` };
      await Promise.all([client.call("process/write", write), echoed]);
    });
    await client.call("process/terminate", { processId: cat.processId });
    await cat.closed;
    client.close();
    return { "echo of a key, p50": median(times) };
  },
};
