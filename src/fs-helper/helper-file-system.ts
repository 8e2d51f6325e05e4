import type { FileAnswers } from "../environment/file-system.ts";

/** The methods that a worker serves: no watch, which would outlive its request. */
export type HelperFileSystem = Omit<FileAnswers, "watchMissing">;
