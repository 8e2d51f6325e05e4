import type { FileAnswers } from "../environment/file-system.ts";

/** What a worker serves; a watch would outlive the request. */
export type HelperFileSystem = Omit<FileAnswers, "watchMissing">;
