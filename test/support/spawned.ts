import { Buffer } from "node:buffer";
import { EventEmitter, once } from "node:events";
import { chmodSync, writeFileSync } from "node:fs";
import type {
  OutputStream,
  ProcessExit,
  ProcessSink,
  SpawnedProcess,
  Spawner,
  SpawnRequest,
} from "../../src/environment/local/spawn/start/spawner.ts";

export const searchPath = "/usr/bin:/bin";

/** A shell command on pipes, unless `more` says otherwise. */
export function shell(command: string, more?: Partial<SpawnRequest>): SpawnRequest {
  const env = { PATH: searchPath };
  return { argv: ["/bin/sh", "-c", command], env, cwd: "/tmp", stdio: "pipes", ...more };
}

/** A file that everybody may run, unless `mode` says otherwise. */
export function programFile(path: string, content: string, mode = 0o755): string {
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

export async function start(spawner: Spawner, request: SpawnRequest): Promise<Spawned> {
  const record = new Spawned();
  record.process = await spawner.start(request, record);
  return record;
}

/** Runs to the end: exited, and every stream read. */
export async function run(spawner: Spawner, request: SpawnRequest): Promise<Spawned> {
  return (await start(spawner, request)).untilOver();
}

/** A process and all that its spawner has told about it. */
export class Spawned implements ProcessSink {
  process!: SpawnedProcess;
  exit: ProcessExit | undefined;
  /** The names of the calls, in order; a run of `output` is one. */
  readonly told: string[] = [];
  readonly #chunks: [OutputStream, Buffer][] = [];
  readonly #events = new EventEmitter();

  output(stream: OutputStream, bytes: Buffer): void {
    this.#chunks.push([stream, Buffer.from(bytes)]);
    this.#tell("output");
  }

  exited(exit: ProcessExit): void {
    this.exit = exit;
    this.#tell("exited");
  }

  ended(): void {
    this.#tell("ended");
  }

  drained(): void {
    this.#tell("drained");
  }

  stdinGone(): void {
    this.#tell("stdinGone");
  }

  get byteCount(): number {
    return this.#chunks.reduce((sum, [, { length }]) => sum + length, 0);
  }

  bytes(stream?: OutputStream): Buffer {
    const chosen = this.#chunks.filter(([from]) => stream === undefined || from === stream);
    return Buffer.concat(chosen.map(([, bytes]) => bytes));
  }

  text(stream?: OutputStream): string {
    return this.bytes(stream).toString();
  }

  async until(isSo: () => boolean): Promise<this> {
    while (!isSo()) await once(this.#events, "told");
    return this;
  }

  untilText(text: string): Promise<this> {
    return this.until(() => this.text().includes(text));
  }

  untilTold(name: string): Promise<this> {
    return this.until(() => this.told.includes(name));
  }

  untilOver(): Promise<this> {
    return this.until(() => this.told.includes("exited") && this.told.includes("ended"));
  }

  #tell(name: string): void {
    if (name !== "output" || this.told.at(-1) !== "output") this.told.push(name);
    this.#events.emit("told");
  }
}
