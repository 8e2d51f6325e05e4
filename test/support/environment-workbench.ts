import type { TestContext } from "node:test";
import type { Environment, Process } from "../../src/client/library.ts";

/** Makes an environment and a directory for one test, and removes both after it. */
export type SetUp = (t: TestContext) => Promise<{ environment: Environment; directory: string }>;

export async function textOf(process: Process): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const { bytes } of process) parts.push(bytes);
  return Buffer.concat(parts).toString();
}
