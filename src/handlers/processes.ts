import type { Processes } from "../environment/processes.ts";
import type { Handlers, ProcessMethod } from "../protocol/methods.ts";

interface ProcessesContext {
  processes(): Processes;
}

export const processHandlers: Handlers<ProcessMethod, ProcessesContext> = {
  "process/start": (context, params) => context.processes().start(params),
  "process/read": (context, params) => context.processes().read(params),
  "process/write": (context, params) => context.processes().write(params),
  "process/closeStdin": (context, params) => context.processes().closeStdin(params),
  "process/resize": (context, params) => context.processes().resize(params),
  "process/signal": (context, params) => context.processes().signal(params),
  "process/terminate": (context, params) => context.processes().terminate(params),
  "process/list": (context) => context.processes().list(),
};
