import type { Buffer } from "node:buffer";

/** The part of a start that a sandbox changes. */
export interface ProcessRequest {
  readonly argv: readonly [string, ...string[]];
  readonly arg0?: string | undefined;
  readonly env: Readonly<Record<string, string>>;
  /** The working directory, as node:fs takes it. */
  readonly cwd: string | Buffer;
  /** Default: no pty. */
  readonly stdio?: "pipes" | "pipes+stdin" | "pty" | undefined;
}

/** A start of bwrap around a command. */
export interface BwrapRequest extends ProcessRequest {
  /** Input that it waits for, on descriptors from 3 on. */
  readonly feeds: readonly { readonly head: Uint8Array; readonly rest?: Uint8Array }[];
}
