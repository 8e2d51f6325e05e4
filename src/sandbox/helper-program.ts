/** The fs-helper as one file that can be shown to a sandbox by itself. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

/**
 * The built one lies beside or above this code; in a checkout, where this is a source file, it is
 * bundled anew, because it must be what the sources are now.
 */
export async function helperProgram(): Promise<Uint8Array> {
  if (import.meta.url.endsWith(".ts")) return bundle();
  for (const place of ["./fs-helper.js", "../fs-helper.js"]) {
    const program = await readFile(new URL(place, import.meta.url)).catch(() => undefined);
    if (program) return program;
  }
  throw new Error("dist/fs-helper.js is missing beside this program: install it again");
}

/** Takes some 20 ms. The name is in a variable so that the build does not look for the package. */
async function bundle(): Promise<Uint8Array> {
  const bundler: string = "esbuild";
  const { build } = (await import(bundler)) as typeof import("esbuild");
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL("../fs-helper/main.ts", import.meta.url))],
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    minifySyntax: true,
    minifyWhitespace: true,
    write: false,
    logLevel: "silent",
  });
  return outputFiles[0]?.contents ?? new Uint8Array();
}
