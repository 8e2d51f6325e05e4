/**
 * The limits of bwrap and the kernel for arguments and variables. Both complain only when bwrap
 * runs, where it would look like the output of the command.
 */
import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { bwrapArgumentsMax, shortArgumentsBytesMax } from "../../limits.ts";
import { internalError, type RpcError, systemErrorText } from "../../protocol/errors.ts";

/**
 * `given` counts the arguments on bwrap's command line and those it reads from its pipe: it limits
 * their sum.
 */
export function refuseTooMany(given: number): void {
  if (given <= bwrapArgumentsMax) return;
  throw tooLong(
    `the sandbox needs ${given} arguments of bwrap, which takes ${bwrapArgumentsMax}: each of the ` +
      "command is one, each variable three, each place in the policy up to three",
  );
}

/** The number of texts, each ended by a nul byte. */
export function countOf(terminated: Buffer): number {
  let count = 0;
  for (let at = terminated.indexOf(0); at >= 0; at = terminated.indexOf(0, at + 1)) count++;
  return count;
}

interface Program {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** bwrap sets PWD to it. */
  readonly cwd: string;
}

/** Throws when the kernel would refuse to start the program because of its arguments. */
export function refuseTooLarge(program: Program, variablesBytes: number): void {
  // At most three bytes for each UTF-16 unit, for PWD too.
  const chars = program.argv.reduce((sum, { length }) => sum + length + 1, program.cwd.length);
  // The usual case, found without asking the system.
  if (variablesBytes + 3 * chars <= shortArgumentsBytesMax) return;
  const strings = stringsOf(program).map((text) => Buffer.byteLength(text) + 1);
  const { eachMax, allMax } = kernelLimits();
  const all = strings.reduce((sum, bytes) => sum + bytes + pointerBytes, 0);
  // The kernel also stores the path of the program there.
  const needed = all + (strings[0] ?? 0);
  if (needed <= allMax && strings.every((bytes) => bytes <= eachMax)) return;
  throw tooLong("the arguments and the environment are too long");
}

const pointerBytes = 8;

function stringsOf({ argv, env, cwd }: Program): string[] {
  const variables = Object.entries({ ...env, PWD: cwd });
  return [...argv, ...variables.map(([name, value]) => `${name}=${value}`)];
}

/** As computed in the kernel's fs/exec.c. */
function kernelLimits(): { eachMax: number; allMax: number } {
  const [, stack = "unlimited"] = /^Max stack size\s+(\S+)/m.exec(processFile("limits")) ?? [];
  const quarter = stack === "unlimited" ? Number.POSITIVE_INFINITY : Number(stack) / 4;
  const allMax = Math.max(Math.min(quarter, mostBytes), leastBytes);
  return { eachMax: pagesOfOne * pageBytes(), allMax };
}

const leastBytes = 128 * 1024;
const mostBytes = 6 * 1024 * 1024;
const pagesOfOne = 32;

/** From the auxiliary vector, pairs of a type and a value, that the kernel gives every program. */
function pageBytes(): number {
  const auxiliary = Buffer.from(processFile("auxv"), "latin1");
  for (let at = 0; at + 16 <= auxiliary.length; at += 16) {
    const isPageSize = auxiliary.readBigUInt64LE(at) === 6n;
    if (isPageSize) return Number(auxiliary.readBigUInt64LE(at + 8));
  }
  return 4096;
}

function processFile(name: string): string {
  return readFileSync(`/proc/self/${name}`, "latin1");
}

function tooLong(why: string): RpcError {
  return internalError(`${systemErrorText("E2BIG", constants.errno.E2BIG)}: ${why}`);
}
