import type { Buffer } from "node:buffer";
import { accessSync, constants, realpathSync, statSync } from "node:fs";
import { access, realpath, stat } from "node:fs/promises";
import { type HostPath, hostPathOf, nodePath } from "../protocol/path-uri.ts";
import type { ProcessRequest } from "./confined-process.ts";
import { diskCall } from "./disk-call.ts";

/**
 * Whether the program of a request exists inside the sandbox, as far as that shows from outside.
 * `isVisible` tells whether a path can be read inside. A relative path is not checked.
 */
export async function isProgramInside(
  { argv: [program], env }: ProcessRequest,
  isVisible: (path: HostPath) => boolean,
): Promise<boolean> {
  for (const place of placesOf(program, env.PATH)) {
    const real = isVisible(place) ? await programAt(place) : undefined;
    if (real !== undefined) return isVisible(real);
  }
  return false;
}

/**
 * The candidate paths; none where the search depends on the working directory or on a default of
 * libc.
 */
function placesOf(program: string, searchPath = ""): HostPath[] {
  if (program.startsWith("/")) return [hostPathOf(program)];
  const folders = searchPath.split(":");
  const isPlain = !program.includes("/") && folders.every((folder) => folder.startsWith("/"));
  return isPlain ? folders.map((folder) => hostPathOf(`${folder}/${program}`)) : [];
}

/** The real path of an executable file. */
async function programAt(path: HostPath): Promise<HostPath | undefined> {
  const name = nodePath(path);
  try {
    const real = await diskCall(
      name,
      () => lookNow(name),
      () => lookLater(name),
    );
    return real as HostPath | undefined;
  } catch {
    // Missing or not executable, which the attempt to run it reports.
    return undefined;
  }
}

function lookNow(name: string | Buffer): string | undefined {
  if (!statSync(name, { throwIfNoEntry: false })?.isFile()) return undefined;
  accessSync(name, constants.X_OK);
  return realpathSync.native(name, "latin1");
}

async function lookLater(name: string | Buffer): Promise<string | undefined> {
  if (!(await stat(name)).isFile()) return undefined;
  await access(name, constants.X_OK);
  return realpath(name, "latin1");
}
