/**
 * Programs of this package as single files. They are CommonJS, because Node starts an ES module 4
 * ms later. The fs-helper's file can be made visible in a sandbox by itself.
 */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const sources = {
  "fs-helper": "../../fs-helper/main.ts",
  "file-thread": "../../environment/local/files/trees/file-thread-main.ts",
} as const;

/**
 * Reads a program that was built beside or above this code. In a checkout it is bundled from the
 * current sources.
 */
export async function ownProgram(name: keyof typeof sources): Promise<Buffer> {
  if (import.meta.url.endsWith(".ts")) return bundle(sources[name]);
  for (const place of [`./${name}.cjs`, `../${name}.cjs`]) {
    const program = await readFile(new URL(place, import.meta.url)).catch(() => undefined);
    if (program) return program;
  }
  throw new Error(`dist/${name}.cjs is missing beside this program: install it again`);
}

/** Takes some 20 ms. The bundler exists only in a checkout. */
async function bundle(source: string): Promise<Buffer> {
  const { execa } = await import("execa");
  const entry = fileURLToPath(new URL(source, import.meta.url));
  const options = ["--bundle", "--format=cjs", "--platform=node", "--target=node20"];
  const { stdout } = await execa("esbuild", [entry, ...options, "--log-level=warning"], {
    preferLocal: true,
    localDir: fileURLToPath(new URL(".", import.meta.url)),
    encoding: "buffer",
  });
  return Buffer.from(stdout);
}
