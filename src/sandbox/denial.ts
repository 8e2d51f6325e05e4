/** Texts that programs print when a sandbox refuses something. */
const refusals = [
  "operation not permitted",
  "permission denied",
  "read-only file system",
  // Printed by the client's own patch program.
  "failed to write file",
];
/** 128 + SIGSYS: killed by the system call filter. */
const killedByFilter = 159;
/** Exit code of shells and `env` for an unknown program: nothing was refused. */
const notFound = 127;

/** The messages of the C library and Node for writing a file where a directory has its name. */
const inTheWay = /is a directory|illegal operation on a directory/;
/** Characters that programs print around a name. */
const betweenWords = /[\s'"`‘’:,()/]+/;

interface Ended {
  readonly exitCode: number;
  readonly output: string;
  /** The names of mount points that stand for missing paths. */
  readonly standIns: readonly string[];
}

/**
 * Whether a confined process probably failed because the sandbox refused something. As in the
 * reference this is judged by its output, but not by words with other uses, such as "sandbox".
 */
export function isDenial({ exitCode, output, standIns }: Ended): boolean {
  if (exitCode === 0 || exitCode === notFound) return false;
  if (exitCode === killedByFilter) return true;
  const text = output.toLowerCase();
  // A sandbox that could not be set up is a failure of this machine, not a refusal.
  if (text.startsWith("bwrap: ")) return false;
  if (refusals.some((refusal) => text.includes(refusal))) return true;
  return standIns.length > 0 && text.split("\n").some((line) => isOf(standIns, line));
}

function isOf(standIns: readonly string[], line: string): boolean {
  if (!inTheWay.test(line)) return false;
  const words = line.split(betweenWords);
  return standIns.some((name) => words.includes(name.toLowerCase()));
}
