import type { EventReceiver } from "../../environment/local/output/event-feed.ts";
import { eventFrame, outputFrame } from "../../protocol/frame.ts";
import { bulkMember, type Emit, type Event, events } from "../../protocol/methods.ts";
import type { Outbox } from "./outbox.ts";
import { laneOfEvent } from "./send-order.ts";

/** Sends the events of a connection through its outbox. */
export const eventsThrough = (
  outbox: Outbox,
): Pick<EventReceiver, "emitOutput"> & { readonly emit: Emit<Event> } => ({
  emit: (event, params) => {
    const lane = laneOfEvent(params);
    outbox.send(eventFrame(event, params, bulkMember(events[event])), lane);
    return !outbox.isBehind(lane);
  },
  emitOutput: (processId, run) => {
    const { firstSeq, stream, count } = run;
    for (let index = 0; index < count; index++) {
      const chunk = run.base64At(index);
      outbox.send(outputFrame({ processId, seq: firstSeq + index, stream, chunk }), processId);
    }
    return !outbox.isBehind(processId);
  },
});
