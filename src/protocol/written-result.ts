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
