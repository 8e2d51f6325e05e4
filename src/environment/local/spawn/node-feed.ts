import { Buffer } from "node:buffer";
import { closeSync, writeSync } from "node:fs";
import type { Feed, FeedContent } from "./spawner.ts";

/** Through a pipe of ours that is empty until then: Node is not told when somebody reads it. */
export function nodeFeed(fd: number, { head, rest }: FeedContent): Feed {
  let isOpen = true;
  const close = () => {
    if (isOpen) closeSync(fd);
    isOpen = false;
  };
  const finish = () => {
    if (isOpen) writeUnlessUnread(fd, Buffer.concat([head, rest]));
    close();
  };
  return { begun: undefined, finish, close };
}

function writeUnlessUnread(fd: number, bytes: Buffer): void {
  try {
    writeSync(fd, bytes);
  } catch (error) {
    // Nobody reads any more: the end of the process tells why.
    if (!(error instanceof Error && "code" in error && error.code === "EPIPE")) throw error;
  }
}
