/**
 * The fs-helper as one file that can be shown to a sandbox by itself: a script, because Node starts
 * a module 4 ms later.
 */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

/**
 * The built one lies beside or above this code; in a checkout, where this is a source file, it is
 * bundled anew, because it must be what the sources are now.
 */
export async function helperProgram(): Promise<Uint8Array> {
  if (import.meta.url.endsWith(".ts")) return bundle();
  for (const place of ["./fs-helper.cjs", "../fs-helper.cjs"]) {
    const program = await readFile(new URL(place, import.meta.url)).catch(() => undefined);
    if (program) return program;
  }
  throw new Error("dist/fs-helper.cjs is missing beside this program: install it again");
}

/** Takes some 20 ms. The bundler is only there in a checkout, where the sources are. */
async function bundle(): Promise<Uint8Array> {
  const { execa } = await import("execa");
  const entry = fileURLToPath(new URL("../fs-helper/main.ts", import.meta.url));
  const options = ["--bundle", "--format=cjs", "--platform=node", "--target=node20"];
  const { stdout } = await execa("esbuild", [entry, ...options, "--log-level=warning"], {
    preferLocal: true,
    localDir: fileURLToPath(new URL(".", import.meta.url)),
    encoding: "buffer",
  });
  return stdout;
}
