import type { EventParams } from "../../src/protocol/methods.ts";
import { within } from "./within.ts";

export type Delta = EventParams<"http/request/bodyDelta">;

const waitMsMax = 30_000;

/** The pieces of streamed bodies in the order in which they came. */
export class Deltas {
  readonly all: Delta[] = [];
  #listeners: (() => void)[] = [];

  push(delta: Delta): void {
    this.all.push(delta);
    for (const listener of this.#listeners.splice(0)) listener();
  }

  of(requestId: string): Delta[] {
    return this.all.filter((delta) => delta.requestId === requestId);
  }

  /** Settles when there are `count` pieces of this id. */
  async atLeast(count: number, requestId: string): Promise<void> {
    const come = async () => {
      while (this.of(requestId).length < count) await this.#more();
    };
    await within(waitMsMax, `delta ${count} of ${requestId}`, come());
  }

  /** The last piece of this id, when it has come. */
  async last(requestId: string): Promise<Delta> {
    for (let count = 1; ; count++) {
      await this.atLeast(count, requestId);
      const last = this.of(requestId)[count - 1];
      if (last?.done) return last;
    }
  }

  /** What the pieces of this id say together. */
  body(requestId: string): Buffer {
    return Buffer.concat(this.of(requestId).map((d) => Buffer.from(d.deltaBase64, "base64")));
  }

  #more(): Promise<void> {
    return new Promise((resolve) => this.#listeners.push(resolve));
  }
}
