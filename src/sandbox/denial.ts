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

/**
 * Whether a confined process failed because something was refused to it, judged as the reference
 * does by what it printed; but not by words that programs use for other things, such as "sandbox".
 */
export function isDenial(exitCode: number, output: string): boolean {
  if (exitCode === 0 || exitCode === notFound) return false;
  if (exitCode === killedByFilter) return true;
  const text = output.toLowerCase();
  // That the sandbox could not be set up is a failure of this machine, and refuses nothing.
  if (text.startsWith("bwrap: ")) return false;
  return refusals.some((refusal) => text.includes(refusal));
}
