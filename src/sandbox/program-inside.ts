import { type HostPath, hostPathOf, nodePath } from "../protocol/path-uri.ts";
import { executableFile } from "./bwrap/executable-file.ts";
import type { ProcessRequest } from "./process-request.ts";

/**
 * Whether the program of a request exists inside the sandbox, as far as that shows from outside.
 * `isVisible` tells whether a path can be read inside. A relative path is not checked.
 */
export async function isProgramInside(
  { argv: [program], env }: ProcessRequest,
  isVisible: (path: HostPath) => boolean,
): Promise<boolean> {
  for (const place of placesOf(program, env.PATH)) {
    const file = isVisible(place) ? await executableFile(nodePath(place)) : undefined;
    if (file) return isVisible(file.real);
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
