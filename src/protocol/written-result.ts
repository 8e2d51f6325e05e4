/**
 * A large result that becomes the text of its JSON in one go: to make an object of each of ten
 * thousand entries, and to have them written, takes as long as all the rest.
 */
export class WrittenResult<T extends object> {
  /** The JSON. */
  readonly text: () => string;
  /** The same for whoever looks into it. */
  readonly toJSON: () => T;

  constructor(forms: { text(): string; plain(): T }) {
    this.text = forms.text;
    this.toJSON = forms.plain;
  }
}

export function plainResult<T extends object>(result: T | WrittenResult<T>): T {
  return result instanceof WrittenResult ? result.toJSON() : result;
}

/**
 * Writes a list of objects that differ in one text. Those in a row that have the same around it are
 * joined at once: added to a text one by one, ten thousand cost the collector some milliseconds.
 */
export class JsonRuns {
  #written = "";
  #texts: string[] = [];
  #before = "";
  #after = "";

  /** Adds an object; `text` is written as it is between the two others. */
  add(before: string, text: string, after: string): void {
    if (before !== this.#before || after !== this.#after) {
      this.#endRun();
      this.#before = before;
      this.#after = after;
    }
    this.#texts.push(text);
  }

  /** What was added, with commas between. */
  get json(): string {
    this.#endRun();
    return this.#written;
  }

  #endRun(): void {
    if (this.#texts.length === 0) return;
    const run = this.#texts.join(`${this.#after},${this.#before}`);
    const comma = this.#written === "" ? "" : ",";
    this.#written += `${comma}${this.#before}${run}${this.#after}`;
    this.#texts = [];
  }
}
