import { errorCodes } from "../protocol/errors.ts";
import { errorOfCode, SessionLostError } from "./calls/errors.ts";
import { type Path, pathOfUri, uriOfPath } from "./calls/paths.ts";
import type { Machine, MachineListener } from "./machine.ts";
import { present, type Variables } from "./processes/variables.ts";

/** The environment of local commands. */
export interface LocalOptions {
  /**
   * The variables that commands may inherit, usually `process.env`. Default none: the library never
   * reads this program's own environment.
   */
  readonly variables?: Variables | undefined;
  /** Working directory of commands that set none. Default: that of this program. */
  readonly cwd?: Path | undefined;
}

/**
 * Opens the machine that this program runs on. Loads its code on the first call, so that a program
 * which only connects does not pay for it.
 */
export async function localMachine(
  options: LocalOptions,
  listener: MachineListener,
): Promise<Machine> {
  const { asSent, environment, plainFileSystem } = await load(options);
  const { emit } = listener;
  const end = new AbortController();
  const processes = environment.processes(emit);
  const files = environment.fileSystem(emit);
  const http = environment.http(emit);
  return {
    host: until(end.signal, environment.host),
    info: await environment.host.info(),
    processes: until(end.signal, asSent("process", processes)),
    fileSystem: until(end.signal, asSent("fs", plainFileSystem(files))),
    http: until<Machine["http"]>(end.signal, asSent("http", http)),
    // All processes were started through this environment and are followed already.
    follow: (processId) => listener.onProcessFailed(processId, unknown(processId)),
    resumeOutput: () => http.resumeOutput(),
    detach: () => {
      throw new TypeError("this machine has no session that could be left to another client");
    },
    close: async () => {
      const closed = new SessionLostError("the local environment was closed by its owner");
      end.abort(closed);
      listener.onLost(closed);
      await Promise.all([processes.close(), files.close(), http.close()]);
      await environment.close();
    },
  };
}

async function load({ variables = {}, cwd = process.cwd() }: LocalOptions) {
  const [{ localEnvironment }, { plainFileSystem }, { asSent }, { default: packageJson }] =
    await Promise.all([
      import("../environment/local/environment.ts"),
      import("../environment/local/plain-file-system.ts"),
      import("../protocol/as-sent.ts"),
      import("../../package.json", { with: { type: "json" } }),
    ]);
  const { version } = packageJson;
  const environment = await localEnvironment({
    variables: present(variables),
    cwd: pathOfUri(uriOfPath(cwd)),
    version,
  });
  return { asSent, environment, plainFileSystem };
}

/** Wraps a part of the machine so that calls fail once the machine is closed, also those begun. */
const until = <T extends object>(end: AbortSignal, part: T): T =>
  new Proxy(part, {
    get:
      (_, name) =>
      async (...params: unknown[]) => {
        end.throwIfAborted();
        try {
          return await Reflect.apply(Reflect.get(part, name) as () => unknown, part, params);
        } catch (error) {
          // What closing broke off would complain of something that only a server knows.
          end.throwIfAborted();
          throw error;
        }
      },
  });

const unknown = (processId: string) =>
  errorOfCode(errorCodes.invalidRequest, `unknown process id ${processId}`);
