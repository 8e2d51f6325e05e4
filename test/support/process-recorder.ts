import type { Emit, EventParams, ProcessEvent } from "../../src/protocol/methods.ts";

type Recorded = {
  [E in ProcessEvent]: { readonly event: E; readonly params: EventParams<E> };
}[ProcessEvent];

/** Receives the events of processes and lets tests wait for what they are about. */
export class ProcessRecorder {
  readonly events: Recorded[] = [];
  /** What `emit` answers: false plays a reader that is behind. */
  hasRoom = true;
  readonly #waiting = new Set<() => void>();

  readonly emit: Emit<ProcessEvent> = (event, params) => {
    this.events.push({ event, params } as Recorded);
    for (const look of this.#waiting) look();
    return this.hasRoom;
  };

  /** Resolves with the first thing other than undefined and false that `find` gives. */
  until<T>(find: () => T | undefined | false): Promise<T> {
    return new Promise((resolve) => {
      const look = () => {
        const found = find();
        if (found === undefined || found === false) return;
        this.#waiting.delete(look);
        resolve(found);
      };
      this.#waiting.add(look);
      look();
    });
  }

  of(processId: string): Recorded[] {
    return this.events.filter(({ params }) => params.processId === processId);
  }

  names(processId: string): string[] {
    return this.of(processId).map(({ event }) => event.slice("process/".length));
  }

  seqs(processId: string): number[] {
    return this.of(processId).map(({ params }) => params.seq);
  }

  exitCode(processId: string): number | undefined {
    const exited = this.of(processId).find(({ event }) => event === "process/exited");
    return exited?.event === "process/exited" ? exited.params.exitCode : undefined;
  }

  /** What came on one stream, or on all together. */
  bytes(processId: string, stream?: "stdout" | "stderr" | "pty"): Buffer {
    const parts = this.of(processId).flatMap((each) => {
      if (each.event !== "process/output") return [];
      if (stream && each.params.stream !== stream) return [];
      return [Buffer.from(each.params.chunk, "base64")];
    });
    return Buffer.concat(parts);
  }

  text(processId: string, stream?: "stdout" | "stderr" | "pty"): string {
    return this.bytes(processId, stream).toString("utf8");
  }

  untilExited(processId: string): Promise<number> {
    return this.until(() => this.exitCode(processId));
  }

  async untilClosed(processId: string): Promise<void> {
    await this.until(() => this.names(processId).at(-1) === "closed");
  }

  untilText(processId: string, pattern: RegExp): Promise<RegExpExecArray> {
    return this.until(() => pattern.exec(this.text(processId)) ?? undefined);
  }
}
