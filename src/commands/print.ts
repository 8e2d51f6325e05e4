/** Prints to stdout. To be called once: the exit code becomes 1 when it cannot be written. */
export function print(text: string): void {
  process.stdout.once("error", (error: NodeJS.ErrnoException) => {
    process.exitCode = 1;
    // A reader that stops early, such as `head`, is no error.
    if (error.code === "EPIPE") return;
    process.stderr.write(`Error: stdout cannot be written: ${error.message}\n`);
  });
  process.stdout.write(text);
}
