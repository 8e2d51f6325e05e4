/** What the kernel says through programs when a sandbox refuses something. */
const refusals = [
  "operation not permitted",
  "permission denied",
  "read-only file system",
  // What the client's own patch program prints for it.
  "failed to write file",
];
/** 128 + SIGSYS: killed by the system call filter. */
const killedByFilter = 159;
/** The shell's and env's word for a program that does not exist: nothing was refused. */
const notFound = 127;

/** What whoever writes a file is told where a directory has its name, by the C library or Node. */
const inTheWay = /is a directory|illegal operation on a directory/;
/** What programs put around a name. */
const betweenWords = /[\s'"`‘’:,()/]+/;

interface Ended {
  readonly exitCode: number;
  readonly output: string;
  /** Names that are directories only to keep them from coming into being. */
  readonly standIns: readonly string[];
}

/**
 * Whether a confined process failed because something was refused to it, judged as the reference
 * does by what it printed; but not by words that programs use for other things, such as "sandbox".
 */
export function isDenial({ exitCode, output, standIns }: Ended): boolean {
  if (exitCode === 0 || exitCode === notFound) return false;
  if (exitCode === killedByFilter) return true;
  const text = output.toLowerCase();
  // That the sandbox could not be set up is a failure of this machine, and refuses nothing.
  if (text.startsWith("bwrap: ")) return false;
  if (refusals.some((refusal) => text.includes(refusal))) return true;
  return standIns.length > 0 && text.split("\n").some((line) => isOf(standIns, line));
}

function isOf(standIns: readonly string[], line: string): boolean {
  if (!inTheWay.test(line)) return false;
  const words = line.split(betweenWords);
  return standIns.some((name) => words.includes(name.toLowerCase()));
}
