/**
 * Why the output of a process is not read now: its receiver is behind, or is still being sent older
 * events, or the disk is behind.
 */
export type Hold = "receiver" | "catchUp" | "disk";

/** Pauses reading the output of a process while there is a reason to. */
export class OutputFlow {
  readonly #set: (on: boolean) => void;
  readonly #holds = new Set<Hold>();

  constructor(set: (on: boolean) => void) {
    this.#set = set;
  }

  get isHeld(): boolean {
    return this.#holds.size > 0;
  }

  hold(why: Hold): void {
    if (!this.isHeld) this.#set(false);
    this.#holds.add(why);
  }

  release(why: Hold): void {
    if (this.#holds.delete(why) && !this.isHeld) this.#set(true);
  }
}
