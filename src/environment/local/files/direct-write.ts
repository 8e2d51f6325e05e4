import { constants } from "node:fs";
import { hostPath } from "../../../protocol/path-uri.ts";
import type { FileSystem } from "../../file-system.ts";
import { decoded } from "./decoded-content.ts";
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
