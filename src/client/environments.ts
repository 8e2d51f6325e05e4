import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Environment } from "./environment.ts";
import {
  type ConfiguredEnvironment,
  EnvironmentConfigError,
  parseEnvironments,
  urlComplaint,
} from "./environments-toml.ts";
import { SessionLostError } from "./errors.ts";
import { type CallOptions, perform } from "./perform.ts";

/** What decides which environments there are. Nothing is read from this program's environment. */
export interface EnvironmentsOptions {
  /** The folder that may have an `environments.toml`, which beats `execServerUrl`. */
  readonly codexHome?: string | undefined;
  /**
   * The value of CODEX_EXEC_SERVER_URL: a WebSocket URL makes that server, by the id `remote`, the
   * only environment; `none` leaves no environment; nothing leaves this machine.
   */
  readonly execServerUrl?: string | undefined;
  /** The values of the three CODEX_EXEC_SERVER_NOISE_* variables, which this client refuses. */
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
  /** Gives up when the signal is aborted; it has no effect later. */
  readonly openRemote: (
    environment: ConfiguredEnvironment,
    signal: AbortSignal,
  ) => Promise<Environment>;
}

/** No environment can be used, for whatever reason; the cause says which. */
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

/** The environments that were configured; each is opened when it is first asked for. */
export interface Environments {
  readonly ids: readonly string[];
  /** Undefined when there is none, so that one has to be named. */
  readonly defaultId: string | undefined;
  /**
   * Gives the environment with this id, or the default one. Everybody who asks gets the same; after
   * it was lost it is opened anew. Fails with a `NoEnvironmentError` when there is none or its URL
   * is no URL, and as `connect` does.
   */
  open(id?: string, options?: CallOptions): Promise<Environment>;
  /** Closes those that are open, and gives up those that are being opened. */
  close(): Promise<void>;
  /** The same, at the end of the block in which they are declared by `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

interface Choice {
  readonly environments: readonly ConfiguredEnvironment[];
  readonly includeLocal: boolean;
  readonly defaultId: string | undefined;
}

/**
 * Chooses the environments. Throws an `EnvironmentConfigError` for a configuration that is wrong.
 */
export async function chooseEnvironments(
  options: EnvironmentsOptions,
  openers: EnvironmentOpeners,
): Promise<Environments> {
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
  const plain = {
    bearerToken: undefined,
    connectTimeoutMs: undefined,
    initializeTimeoutMs: undefined,
  };
  const remote = { id: "remote", url, ...plain };
  return { environments: [remote], includeLocal: false, defaultId: remote.id };
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

  open(id = this.defaultId, { signal }: CallOptions = {}): Promise<Environment> {
    return perform(signal, () => {
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

  /** What could not be opened, or was lost, is opened anew for whoever asks next. */
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

/** There is no transport over the stdin and stdout of a program, on purpose. */
const programRefusal = (id: string) =>
  new EnvironmentConfigError(
    `environment \`${id}\` sets program, which this client does not start; run ` +
      "`codex exec-server --listen ws://127.0.0.1:PORT` there and set url instead",
  );
