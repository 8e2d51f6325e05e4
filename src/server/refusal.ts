/** What an HTTP request is answered with when it is not served, or needs no more than a text. */
export interface Refusal {
  readonly status: number;
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>>;
}
