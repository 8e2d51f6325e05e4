import { Buffer } from "node:buffer";
import { closeSync } from "node:fs";
import { Socket } from "node:net";
import type { Feed, FeedContent } from "./spawner.ts";

const nothing = new Uint8Array();

/** Through a pipe of ours that is empty until then: Node is not told when somebody reads it. */
export function nodeFeed(fd: number, { head, rest = nothing }: FeedContent): Feed {
  let isOpen = true;
  const close = () => {
    if (isOpen) closeSync(fd);
    isOpen = false;
  };
  const finish = (given = rest) => {
    if (!isOpen) return;
    isOpen = false;
    const socket = new Socket({ fd, readable: false, writable: true });
    // Nobody reads any more: the end of the process tells why.
    socket.on("error", () => undefined);
    socket.end(Buffer.concat([head, given]));
  };
  return { begun: undefined, finish, close };
}
