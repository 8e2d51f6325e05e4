/**
 * What was answered first under each id. Whoever lost a connection cannot know whether its request
 * was carried out: it repeats it under the same id, and gets the first answer again.
 */
export class FirstAnswers<T> {
  readonly #idsMax: number;
  /** Oldest first. */
  readonly #answers = new Map<string, T>();

  /** Of more than `idsMax` ids the oldest are forgotten. */
  constructor(idsMax: number) {
    this.#idsMax = idsMax;
  }

  /** Does the work, unless that was done under this id before. Work that throws was not done. */
  once(id: string, work: () => T): T {
    if (this.#answers.has(id)) return this.#answers.get(id) as T;
    const answer = work();
    this.#answers.set(id, answer);
    const [oldest] = this.#answers.keys();
    if (oldest !== undefined && this.#answers.size > this.#idsMax) this.#answers.delete(oldest);
    return answer;
  }
}
