import { median } from "../figures.ts";
import { type Group, higher, lower } from "../group.ts";
import { inLanes, timesDuring } from "../timing.ts";
import { metadataOf } from "./requests.ts";

/** Many short commands at once, and what somebody else notices of them. */
export const starts: Group = {
  name: "starts",
  rounds: 4,
  metrics: [
    higher("/bin/true, 32 in flight", "processes/s"),
    lower("request of another connection, p50"),
  ],
  async measure(server, effort) {
    const [client, bystander] = [await server.open(), await server.open()];
    const count = Math.ceil(600 * effort);
    const before = performance.now();
    const all = inLanes(count, 32, () => client.run(["/bin/true"]));
    const ended = all.then(() => performance.now());
    const times = await timesDuring(all, () => metadataOf(bystander));
    return {
      "/bin/true, 32 in flight": count / (((await ended) - before) / 1000),
      "request of another connection, p50": median(times),
    };
  },
};
