#!/usr/bin/env node
// Starts the built program; in a checkout that is not built, the sources through tsx. Old syntax only,
// so that an old Node comes far enough to be told that it is too old.
import { existsSync } from "node:fs";

const version = process.versions.node.split(".").map(Number);
const isTooOld = version[0] < 20 || (version[0] === 20 && version[1] < 19);
const built = new URL("../dist/codex.js", import.meta.url);

if (isTooOld) {
  process.stderr.write(
    `codex needs Node 20.19 or later, and this is ${process.versions.node}: install a newer Node.\n`,
  );
  process.exitCode = 1;
} else if (existsSync(built)) {
  await import(built.href);
} else {
  const { register } = await import("tsx/esm/api");
  register();
  await import(new URL("../src/commands/main.ts", import.meta.url).href);
}
