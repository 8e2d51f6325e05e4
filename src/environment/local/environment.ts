import { tmpdir } from "node:os";
import { dirname } from "node:path";
import { deferred } from "../../async/deferred.ts";
import { settledWithin } from "../../async/settled-within.ts";
import { defaultLimits, fileThreadsCloseMs, journalCloseMs, type Limits } from "../../limits.ts";
import type { Emit, FileSystemEvent, HttpEvent, ProcessEvent } from "../../protocol/methods.ts";
import { type LocalSandbox, localSandbox } from "../../sandbox/sandbox.ts";
import { stateDirectoryPath } from "../../sandbox/state/state-directory.ts";
import type { Host } from "../environment.ts";
import { type LocalFileSystem, localFileSystem } from "./file-system.ts";
import { localHost } from "./host.ts";
import { type LocalHttp, localHttp } from "./http.ts";
import { type JournalOptions, ServerJournal } from "./journal/journal.ts";
import { journalPlaces, journalSecretVariable, journalsName } from "./journal/place.ts";
import { mountWatch } from "./libc/mount-watch.ts";
import { relativeUnlink } from "./libc/relative-unlink.ts";
import { SpillStore } from "./output/spill-store.ts";
import { probesBy } from "./probes.ts";
import { type LocalProcesses, type LocalProcessesOptions, localProcesses } from "./processes.ts";
import { createSpawner } from "./spawn/create-spawner.ts";
import { pipesName } from "./spawn/node/fifos.ts";
import type { LastWork, Spawner } from "./spawn/start/spawner.ts";
import { FileThreads } from "./threads/file-threads.ts";
import { workersBy } from "./worker-start.ts";

/**
 * What the environment is made from. It reads no arguments and variables of this process itself.
 */
export interface LocalEnvironmentOptions {
  /** The variables that commands may inherit by `envPolicy`, without the server's credentials. */
  readonly variables: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Version and identity of this build. */
  readonly version: string;
  /** `defaultLimits` when absent. */
  readonly limits?: Limits | undefined;
  /**
   * Program and first arguments of the command that finishes file writes after this process was
   * killed; the folder of their journals follows. Without it the next server finishes them.
   */
  readonly finisher?: readonly string[] | undefined;
  /** Files of the server that no confined command may read, unless it may write everything. */
  readonly secretFiles?: readonly string[] | undefined;
  /** Called with sentences that the operator should read. */
  readonly warn?: ((text: string) => void) | undefined;
}

/**
 * This machine. A server makes processes for each session, and files and HTTP for each connection.
 */
export interface LocalEnvironment {
  readonly host: Host;
  /**
   * `receipts` tell how far the present receiver has come: output that it has confirmed may be
   * dropped.
   */
  processes(
    emit: Emit<ProcessEvent>,
    more?: Pick<LocalProcessesOptions, "emitOutput" | "observer" | "receipts">,
  ): LocalProcesses;
  fileSystem(emit: Emit<FileSystemEvent>): LocalFileSystem;
  http(emit: Emit<HttpEvent>): LocalHttp;
  /** The number of sandbox helpers by activity; `waiting` are starts that wait for a place. */
  helperCensus(): Readonly<Record<string, number>>;
  /** Kills all processes and frees what the environment holds. */
  close(): Promise<void>;
}

export async function localEnvironment(
  options: LocalEnvironmentOptions,
): Promise<LocalEnvironment> {
  const { variables, cwd, limits = defaultLimits, warn = () => {}, finisher } = options;
  const spill = spillStore(limits, warn);
  // In our own TMPDIR, not that of `variables`: the next server has to find what we leave there.
  const places = journalPlaces(tmpdir());
  const begun = () => spawner.ensureKeeper();
  const isExposed = (path: string) => sandbox.isExposed(path);
  const journal = journalIn(places[0], { begun, isExposed, warn });
  const { probe, spawning } = beginSpawner(lastWork(finisher, journal), warn);
  const sandbox = localSandbox({
    ...{ variables, cwd, lendJournal: async (grants) => journal?.lend(grants) },
    startWorker: workersBy(() => spawner),
    ownVariables: () => spawner.ownVariables(),
    keptDirectories: places.map(stateDirectoryPath),
    secretFiles: options.secretFiles,
    hiddenNames: () => [journalsName, ...(hasNamedPipes(spawner) ? [pipesName] : [])],
    ...{ run: probe, mountWatch: mountWatch(), limits: { workersMax: limits.helpersMax } },
  });
  const spawner = await spawning;
  const files = { ...limits, journal, ...(await treeMeans(warn)) };
  return {
    host: localHost({ ...options, spawner, sandbox }),
    processes: (emit, more) =>
      localProcesses({
        ...{ spawner, sandbox, executorEnv: variables, emit, ...more },
        ...{ spill, outputBounds: { bytesMax: limits.retainedOutputBytesMax } },
      }),
    fileSystem: (emit) => localFileSystem({ ...files, emit, confined: sandbox.files() }),
    http: (emit) => localHttp({ variables, emit, bodyBytesMax: limits.httpBodyBytesMax }),
    helperCensus: sandbox.helperCensus,
    close: () => closeAll({ sandbox, journal, spawner, threads: files.threads }),
  };
}

interface Closed {
  readonly sandbox: LocalSandbox;
  readonly threads: FileThreads;
  readonly journal: ServerJournal | undefined;
  readonly spawner: Spawner;
}

async function closeAll({ sandbox, threads, journal, spawner }: Closed): Promise<void> {
  await Promise.all([sandbox.close(), settledWithin(threads.close(), fileThreadsCloseMs)]);
  // Before the spawner, whose keeper would have to finish the writes that are still under way.
  if (journal) await settledWithin(journal.close(), journalCloseMs);
  await spawner.close();
}

function spillStore(limits: Limits, warn: (text: string) => void): SpillStore {
  const { spilledOutputBytesMax: bytesMax, spilledOutputTotalBytesMax: totalBytesMax } = limits;
  return new SpillStore({ warn, bytesMax, totalBytesMax });
}

function beginSpawner(lastWork: LastWork | undefined, warn: (text: string) => void) {
  const untested = deferred<Spawner>();
  const spawning = createSpawner({ lastWork, untested: untested.resolve });
  const told = spawning.then((spawner) => {
    const { reasons } = spawner.capabilities;
    if (reasons.length > 0) warn(reasons.join(" "));
    return spawner;
  });
  return { spawning: told, probe: probesBy(untested.promise, spawning) };
}

const hasNamedPipes = ({ capabilities }: Spawner) => capabilities.kind === "node";

async function treeMeans(warn: (text: string) => void) {
  return { unlinkAt: await relativeUnlink(), threads: new FileThreads({ warn }) };
}

function journalIn(place: string | undefined, options: Omit<JournalOptions, "place">) {
  if (place !== undefined) return new ServerJournal({ place, ...options });
  options.warn(
    "files are written without a journal, a crash can tear them: TMPDIR is on a mount that may " +
      "hang; set it to a folder of this machine",
  );
  return undefined;
}

/** The secret is passed by a variable, because arguments can be read in every user namespace. */
function lastWork(finisher: readonly string[] | undefined, journal: ServerJournal | undefined) {
  if (!finisher || !journal) return undefined;
  const { folder, secret } = journal;
  const variables = { [journalSecretVariable]: secret.toString("hex") };
  return { folder, argv: [...finisher, dirname(folder)], variables };
}
