import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { SessionLostError } from "./calls/errors.ts";
import { checkOptions } from "./calls/options.ts";
import { type CallOptions, perform } from "./calls/perform.ts";
import type { Environment } from "./environment.ts";
import {
  type ConfiguredEnvironment,
  EnvironmentConfigError,
  parseEnvironments,
  urlComplaint,
} from "./environments-toml.ts";

/** The configuration of the environments. This program's own variables are not read. */
export interface EnvironmentsOptions {
  /** The folder that may hold `environments.toml`, which takes precedence over `execServerUrl`. */
  readonly codexHome?: string | undefined;
  /**
   * The value of CODEX_EXEC_SERVER_URL. A WebSocket URL makes that server the only environment,
   * with the id `remote`; `none` means no environment; absent or empty means this machine.
   */
  readonly execServerUrl?: string | undefined;
  /**
   * The values of the three CODEX_EXEC_SERVER_NOISE_* variables. This library does not support
   * them: any value is an `EnvironmentConfigError`.
   */
  readonly noise?: NoiseOptions | undefined;
}

export interface NoiseOptions {
  readonly registryUrl?: string | undefined;
  readonly environmentId?: string | undefined;
  readonly authToken?: string | undefined;
}

/** How environments are opened. */
export interface EnvironmentOpeners {
  readonly openLocal: () => Promise<Environment>;
  /** Opening is given up when the signal is aborted, which has no effect afterwards. */
  readonly openRemote: (
    environment: ConfiguredEnvironment,
    signal: AbortSignal,
  ) => Promise<Environment>;
}

/** No environment can be used; `cause` has the reason, if there is one. */
export class NoEnvironmentError extends Error {
  constructor(options?: ErrorOptions) {
    super(
      "No usable execution environment is available. Wait for an environment to become available " +
        "before using this tool.",
      options,
    );
    this.name = "NoEnvironmentError";
  }
}

/** The configured environments. Each is opened on first use. */
export interface Environments {
  readonly ids: readonly string[];
  /** Undefined when there is no default, so that `open` needs an id. */
  readonly defaultId: string | undefined;
  /**
   * Opens the environment with this id, or the default one. It is opened once and shared by all
   * callers, and opened anew after it was lost. Fails with a `NoEnvironmentError` when there is no
   * default or the URL is not valid, with an `EnvironmentConfigError` for an unknown id or one that
   * sets `program`, and otherwise as `connect` does.
   */
  open(id?: string, options?: CallOptions): Promise<Environment>;
  /** Closes the open environments, and gives up opening the others. */
  close(): Promise<void>;
  /** Calls `close`, at the end of the block that declares the environments by `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

interface Choice {
  readonly environments: readonly ConfiguredEnvironment[];
  readonly includeLocal: boolean;
  readonly defaultId: string | undefined;
}

/** Reads the configuration. Throws an `EnvironmentConfigError` when it is wrong. */
export async function chooseEnvironments(
  options: EnvironmentsOptions,
  openers: EnvironmentOpeners,
): Promise<Environments> {
  checkOptions(options);
  refuseNoise(options.noise ?? {});
  const text = await readConfig(options.codexHome);
  const choice =
    text === undefined ? choiceOfUrl(options.execServerUrl) : choiceOfFile(text, options.codexHome);
  return new OpenEnvironments(choice, openers);
}

function refuseNoise({ registryUrl, environmentId, authToken }: NoiseOptions): void {
  const given = [registryUrl, environmentId, authToken].filter(Boolean).length;
  if (given === 0) return;
  throw new EnvironmentConfigError(
    given < 3
      ? "CODEX_EXEC_SERVER_NOISE_REGISTRY_URL, CODEX_EXEC_SERVER_NOISE_ENVIRONMENT_ID and " +
          "CODEX_EXEC_SERVER_NOISE_AUTH_TOKEN must be set together"
      : "environments of a registry are not supported by this client; set CODEX_EXEC_SERVER_URL",
  );
}

const fileName = "environments.toml";

async function readConfig(codexHome: string | undefined): Promise<string | undefined> {
  if (codexHome === undefined) return undefined;
  const path = join(codexHome, fileName);
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    const reason = (error as Error).message;
    throw new EnvironmentConfigError(`failed to read environment config \`${path}\`: ${reason}`);
  }
}

function choiceOfFile(text: string, codexHome = ""): Choice {
  const file = parseEnvironments(text, join(codexHome, fileName));
  const { environments, includeLocal } = file;
  const fallback = includeLocal ? "local" : undefined;
  const defaultId = file.default?.toLowerCase() === "none" ? undefined : (file.default ?? fallback);
  return { environments, includeLocal, defaultId };
}

function choiceOfUrl(value = ""): Choice {
  const url = value.trim();
  if (url === "") return { environments: [], includeLocal: true, defaultId: "local" };
  if (url.toLowerCase() === "none") {
    return { environments: [], includeLocal: false, defaultId: undefined };
  }
  return { environments: [{ id: "remote", url }], includeLocal: false, defaultId: "remote" };
}

class OpenEnvironments implements Environments {
  readonly ids: readonly string[];
  readonly defaultId: string | undefined;
  readonly #environments: ReadonlyMap<string, ConfiguredEnvironment>;
  readonly #openers: EnvironmentOpeners;
  readonly #open = new Map<string, Promise<Environment>>();
  #openings = new AbortController();

  constructor({ environments, includeLocal, defaultId }: Choice, openers: EnvironmentOpeners) {
    const named = environments.map((environment) => [environment.id, environment] as const);
    this.#environments = new Map(named);
    this.#openers = openers;
    this.ids = [...(includeLocal ? ["local"] : []), ...this.#environments.keys()];
    this.defaultId = defaultId;
  }

  open(id = this.defaultId, options: CallOptions = {}): Promise<Environment> {
    return perform(options, () => {
      if (id === undefined) throw new NoEnvironmentError();
      return this.#open.get(id) ?? this.#begin(id);
    });
  }

  async close(): Promise<void> {
    this.#openings.abort(new SessionLostError("the environments were closed by their owner"));
    this.#openings = new AbortController();
    const opened = await Promise.allSettled(this.#open.values());
    await Promise.all(
      opened.map((outcome) => (outcome.status === "fulfilled" ? outcome.value.close() : undefined)),
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * An environment that could not be opened or was lost is forgotten: the next call opens it anew.
   */
  #begin(id: string): Promise<Environment> {
    const opening = this.#connect(id);
    const forget = () => void this.#open.delete(id);
    this.#open.set(id, opening);
    opening.then((environment) => environment.lost.then(forget), forget);
    return opening;
  }

  async #connect(id: string): Promise<Environment> {
    if (id === "local" && this.ids.includes(id)) return this.#openers.openLocal();
    const environment = this.#environments.get(id);
    if (!environment) {
      const known = this.ids.join(", ") || "none";
      throw new EnvironmentConfigError(
        `environment \`${id}\` is not configured; there are: ${known}`,
      );
    }
    const { url } = environment;
    if (url === undefined) throw programRefusal(id);
    const complaint = urlComplaint(url);
    if (complaint) throw new NoEnvironmentError({ cause: new EnvironmentConfigError(complaint) });
    return this.#openers.openRemote(environment, this.#openings.signal);
  }
}

/** This library deliberately has no transport over the stdin and stdout of a program. */
const programRefusal = (id: string) =>
  new EnvironmentConfigError(
    `environment \`${id}\` sets program, which this client does not start; run ` +
      "`codex exec-server --listen ws://127.0.0.1:PORT` there and set url instead",
  );
