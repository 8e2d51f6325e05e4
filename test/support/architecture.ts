import { checkExports } from "./architecture-exports.ts";
import {
  checkDirectFileAccess,
  checkHandlers,
  checkHelperGraph,
  checkOutsideWorld,
  checkProcessStarters,
  checkReachability,
  checkSockets,
} from "./architecture-invariants.ts";
import { checkFolderCycles, checkRoomCycles, checkRooms } from "./architecture-rooms.ts";
import type { Sources, Violation } from "./architecture-sources.ts";
import {
  checkBans,
  checkFileLengths,
  checkFileNames,
  checkFunctions,
  checkLineLengths,
} from "./architecture-style.ts";

type Check = (sources: Sources) => Violation[];

/** What holds for every line of TypeScript here, tests included. */
export const styleChecks = {
  "files are at most 250 lines long": checkFileLengths,
  "lines are at most 100 columns wide": checkLineLengths,
  "no file is called index.ts": checkFileNames,
  "banned constructs are absent": checkBans,
} satisfies Record<string, Check>;

/** What holds for the program and its tests together. */
export const jointChecks = {
  "what a file exports is used by another": checkExports,
} satisfies Record<string, Check>;

/** What holds for the program besides. */
export const sourceChecks = {
  "rooms import only what the house allows": checkRooms,
  "rooms form no circle": checkRoomCycles,
  "folders form no circle": checkFolderCycles,
  "functions have at most 40 lines and 3 parameters": checkFunctions,
  "only commands/ meet arguments, environment and exit": checkOutsideWorld,
  "only the spawn files and the helper pool start processes": checkProcessStarters,
  "only server/ and client/ know WebSockets": checkSockets,
  "handlers decide nothing": checkHandlers,
  "the fs-helper loads no package": checkHelperGraph,
  "no way to the disk leads around the sandbox": checkDirectFileAccess,
  "every file is reached from an entry": checkReachability,
} satisfies Record<string, Check>;
