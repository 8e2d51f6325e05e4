/**
 * The first answer to each id. A client that lost its connection cannot know whether its request
 * was carried out: it repeats it with the same id, and gets the first answer again.
 */
export class FirstAnswers<T> {
  readonly #idsMax: number;
  /** Oldest first. */
  readonly #answers = new Map<string, T>();

  /** Remembers `idsMax` ids; the oldest are forgotten first. */
  constructor(idsMax: number) {
    this.#idsMax = idsMax;
  }

  /** Does the work, unless it was done for this id before. Work that throws is not remembered. */
  once(id: string, work: () => T): T {
    if (this.#answers.has(id)) return this.#answers.get(id) as T;
    const answer = work();
    this.#answers.set(id, answer);
    const [oldest] = this.#answers.keys();
    if (oldest !== undefined && this.#answers.size > this.#idsMax) this.#answers.delete(oldest);
    return answer;
  }
}
