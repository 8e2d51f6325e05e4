/** Tells whoever asked, on stdout. To be called once: exit code 1 when it does not get there. */
export function print(text: string): void {
  process.stdout.once("error", (error: NodeJS.ErrnoException) => {
    process.exitCode = 1;
    // Who reads no further, as `head`, knows why.
    if (error.code === "EPIPE") return;
    process.stderr.write(`Error: stdout cannot be written: ${error.message}\n`);
  });
  process.stdout.write(text);
}
