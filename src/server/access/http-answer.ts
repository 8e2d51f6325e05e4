/** A whole answer to an HTTP request, with a text as its body. */
export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An answer that turns a client away. */
export type Refusal = HttpAnswer;
