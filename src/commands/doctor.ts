import { tmpdir } from "node:os";
import type { Check } from "../environment/local/checkup.ts";
import { print } from "./print.ts";

/** `codex exec-server doctor`: exit code 1 when something necessary fails. */
export async function runDoctor({ json = false }: { readonly json?: boolean }): Promise<void> {
  const { checkup } = await import("../environment/local/checkup.ts");
  const checks = await checkup({ variables: process.env, temporaryDirectory: tmpdir() });
  const isWell = checks.every(({ status }) => status !== "failed");
  print(json ? `${JSON.stringify({ isWell, checks }, null, 2)}\n` : table(checks));
  if (!isWell) process.exitCode = 1;
}

function table(checks: readonly Check[]): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const rows = checks.map(({ name, status, finding, fix }) => {
    const row = `${name.padEnd(width)}  ${status.padEnd("limited".length)}  ${finding}`;
    return fix === undefined ? row : `${row}\n${" ".repeat(width + 2)}fix:     ${fix}`;
  });
  return `${rows.join("\n")}\n`;
}
