import { Buffer } from "node:buffer";
import { closeSync } from "node:fs";
import { Socket } from "node:net";
import type { Feed, FeedContent } from "../start/spawner.ts";

const nothing = new Uint8Array();

/**
 * Writes head and rest together by `finish`: Node does not tell when a process has read the head.
 */
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
    // No process reads any more; its exit tells why.
    socket.on("error", () => undefined);
    socket.end(Buffer.concat([head, given]));
  };
  return { begun: undefined, finish, close };
}
