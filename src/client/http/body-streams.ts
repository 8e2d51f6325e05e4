import { Buffer } from "node:buffer";
import { bodyOverflowBytesMax, bodyQueueBytesMax } from "../../limits.ts";
import type { EventParams } from "../../protocol/methods.ts";

type Delta = EventParams<"http/request/bodyDelta">;

interface BodyStreamsOptions {
  /** The reader has cancelled the body, or it was abandoned here. */
  readonly onCancel: (requestId: string) => void;
  /** The queue of a body has room again. */
  readonly onRoom: () => void;
}

interface OpenBody {
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  readonly onEnd: () => void;
  lastSeq: number;
}

/**
 * Assembles streamed HTTP bodies from their pieces. The bytes that wait for a slow reader are
 * bounded.
 */
export class BodyStreams {
  readonly #options: BodyStreamsOptions;
  readonly #bodies = new Map<string, OpenBody>();

  constructor(options: BodyStreamsOptions) {
    this.#options = options;
  }

  /**
   * Makes the body of a request, before that is sent. `onEnd` is called once, when the body ends.
   */
  open(requestId: string, onEnd: () => void): ReadableStream<Uint8Array> {
    const { onCancel, onRoom } = this.#options;
    const bodies = this.#bodies;
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => void bodies.set(requestId, { controller, onEnd, lastSeq: 0 }),
        pull: onRoom,
        cancel: () => {
          if (this.#close(requestId)) onCancel(requestId);
        },
      },
      new ByteLengthQueuingStrategy({ highWaterMark: bodyQueueBytesMax }),
    );
  }

  /** Queues a piece. False asks the sender of this body to pause. */
  accept(delta: Delta): boolean {
    const body = this.#bodies.get(delta.requestId);
    if (!body) return true;
    if (delta.seq !== body.lastSeq + 1) {
      return this.#abandon(delta.requestId, `piece ${body.lastSeq + 1} of the body is missing`);
    }
    body.lastSeq = delta.seq;
    if (delta.deltaBase64) body.controller.enqueue(Buffer.from(delta.deltaBase64, "base64"));
    if (delta.done) return this.#finish(delta, body);
    const { desiredSize } = body.controller;
    if (desiredSize === null || desiredSize > -bodyOverflowBytesMax) return (desiredSize ?? 0) > 0;
    return this.#abandon(
      delta.requestId,
      `more than ${bodyQueueBytesMax} bytes of the body wait to be read; read it faster, or ask ` +
        "for less",
    );
  }

  /** Ends the named bodies, by default all, with an error. */
  fail(error: Error, requestIds: Iterable<string> = [...this.#bodies.keys()]): void {
    for (const requestId of requestIds) {
      this.#close(requestId)?.controller.error(error);
    }
  }

  #close(requestId: string): OpenBody | undefined {
    const body = this.#bodies.get(requestId);
    this.#bodies.delete(requestId);
    body?.onEnd();
    return body;
  }

  #finish({ requestId, error }: Delta, { controller }: OpenBody): boolean {
    this.#close(requestId);
    if (error === null) controller.close();
    else controller.error(new Error(`the HTTP response ended early: ${error}`));
    return true;
  }

  #abandon(requestId: string, reason: string): boolean {
    this.fail(new Error(`HTTP response abandoned: ${reason}`), [requestId]);
    this.#options.onCancel(requestId);
    return true;
  }
}
