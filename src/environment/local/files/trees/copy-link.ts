import type { HostPath } from "../../../../protocol/path-uri.ts";
import { hasCode, lstat, makeLink, readLink } from "../calls/file-calls.ts";
import { identity } from "./copy-file.ts";

/** Copies the link itself; one that is its own copy is left alone. */
export async function copyLink(source: HostPath, destination: HostPath): Promise<void> {
  try {
    await makeLink(await readLink(source), destination);
  } catch (error) {
    if (hasCode(error, "EEXIST") && (await isSame(source, destination))) return;
    throw error;
  }
}

async function isSame(source: HostPath, destination: HostPath): Promise<boolean> {
  const [from, to] = await Promise.all([lstat(source), lstat(destination)]);
  return identity(from) === identity(to);
}
