import type { Group } from "./group.ts";
import { files } from "./groups/files.ts";
import { idle } from "./groups/idle.ts";
import { memory } from "./groups/memory.ts";
import { output } from "./groups/output.ts";
import { processes } from "./groups/processes.ts";
import { requests } from "./groups/requests.ts";
import { resume } from "./groups/resume.ts";
import { sandbox } from "./groups/sandbox.ts";
import { sessions } from "./groups/sessions.ts";
import { start } from "./groups/start.ts";
import { starts } from "./groups/starts.ts";
import { terminal } from "./groups/terminal.ts";
import { trees } from "./groups/trees.ts";

export const groups: readonly Group[] = [
  start,
  requests,
  processes,
  starts,
  terminal,
  output,
  files,
  trees,
  sandbox,
  idle,
  sessions,
  resume,
  memory,
];
