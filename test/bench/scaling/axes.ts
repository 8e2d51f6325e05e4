import { directory } from "./axes/directory.ts";
import { processes } from "./axes/processes.ts";
import { retained } from "./axes/retained.ts";
import { sessions } from "./axes/sessions.ts";
import { volume } from "./axes/volume.ts";
import type { Axis } from "./axis.ts";

export const axes: readonly Axis[] = [volume, processes, sessions, directory, retained];
