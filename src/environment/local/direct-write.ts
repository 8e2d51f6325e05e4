import type { Buffer } from "node:buffer";
import { constants } from "node:fs";
import type { FileSystem } from "../../environment/file-system.ts";
import { decodeBase64 } from "../../protocol/base64.ts";
import { invalidRequest } from "../../protocol/errors.ts";
import { hostPath } from "../../protocol/path-uri.ts";
import { closeFile, writeAt } from "./file-calls.ts";
import { atPlace } from "./no-follow.ts";
import { openForWriting } from "./open-file.ts";

/** Truncates in place, so that inode, mode, owner and links of an existing file stay. */
export const writeFile: FileSystem["writeFile"] = async (params) => {
  const content = decoded(params.dataBase64, "fs/writeFile requires valid base64 dataBase64");
  return atPlace(params, async (path, noFollow) => {
    const flags = constants.O_TRUNC | noFollow;
    const { fd } = await openForWriting({ path, flags, named: hostPath(params.path) });
    try {
      await writeAt(fd, content, 0);
    } finally {
      await closeFile(fd);
    }
    return {};
  });
};

/** The bytes of base64 `text`; `demand` begins the error for what is none. */
export function decoded(text: string, demand: string): Buffer {
  try {
    return decodeBase64(text);
  } catch (error) {
    throw invalidRequest(`${demand}: ${error instanceof Error ? error.message : error}`);
  }
}
