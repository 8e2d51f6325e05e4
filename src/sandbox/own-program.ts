/**
 * Programs of ours as one file each: scripts, because Node starts a module 4 ms later. The
 * fs-helper is one that can be shown to a sandbox by itself.
 */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const sources = {
  "fs-helper": "../fs-helper/main.ts",
  "file-thread": "../environment/local/files/file-thread-main.ts",
} as const;

/**
 * The built one lies beside or above this code; in a checkout, where this is a source file, it is
 * bundled anew, because it must be what the sources are now.
 */
export async function ownProgram(name: keyof typeof sources): Promise<Buffer> {
  if (import.meta.url.endsWith(".ts")) return bundle(sources[name]);
  for (const place of [`./${name}.cjs`, `../${name}.cjs`]) {
    const program = await readFile(new URL(place, import.meta.url)).catch(() => undefined);
    if (program) return program;
  }
  throw new Error(`dist/${name}.cjs is missing beside this program: install it again`);
}

/** Takes some 20 ms. The bundler is only there in a checkout, where the sources are. */
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
