import { execFileSync } from "node:child_process";
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import type { FileSystem } from "../../src/environment/file-system.ts";
import type { Emit, FileSystemEvent } from "../../src/protocol/methods.ts";
import { hostPathOf, pathUriOf } from "../../src/protocol/path-uri.ts";
import { within } from "./within.ts";

/** Makes a file system that may work in `directory`; `close` ends what was made for it. */
export type MakeFileSystem = (options: {
  emit: Emit<FileSystemEvent>;
  directory: string;
}) => Promise<{ readonly fileSystem: FileSystem; close(): Promise<void> }>;

/** A directory of the test's own, looked at past the file system that is tested. */
export class Bench {
  readonly fileSystem: FileSystem;
  readonly directory: string;
  /** Watch ids in the order of their `fs/missingChanged`. */
  readonly changed: readonly number[];
  readonly nextChange: () => Promise<number>;

  constructor(made: Pick<Bench, "fileSystem" | "directory" | "changed" | "nextChange">) {
    this.fileSystem = made.fileSystem;
    this.directory = made.directory;
    this.changed = made.changed;
    this.nextChange = made.nextChange;
  }

  path(name = ""): string {
    return join(this.directory, name);
  }

  uri(name = ""): string {
    return pathUriOf(hostPathOf(this.path(name)));
  }

  /** Makes a file and the directories above it. */
  file(name: string, content = ""): string {
    mkdirSync(dirname(this.path(name)), { recursive: true });
    writeFileSync(this.path(name), content);
    return this.uri(name);
  }

  folder(name: string): string {
    mkdirSync(this.path(name), { recursive: true });
    return this.uri(name);
  }

  link(name: string, target: string): string {
    symlinkSync(target, this.path(name));
    return this.uri(name);
  }

  fifo(name: string): string {
    execFileSync("mkfifo", [this.path(name)]);
    return this.uri(name);
  }

  text(name: string): string {
    return readFileSync(this.path(name), "utf8");
  }

  list(name = ""): string[] {
    return readdirSync(this.path(name)).sort();
  }

  mode(name: string): number {
    return lstatSync(this.path(name)).mode & 0o7777;
  }
}

/** Declares a test that has a bench, and cleans up after it whatever happened. */
export function fileTest(
  title: string,
  make: MakeFileSystem,
  body: (bench: Bench) => Promise<void>,
): void {
  test(title, { timeout: 90_000 }, async () => {
    const directory = realpathSync(mkdtempSync(join(tmpdir(), "files-")));
    const changes = recordChanges();
    const { fileSystem, close } = await make({ emit: changes.emit, directory });
    try {
      await body(new Bench({ fileSystem, directory, ...changes }));
    } finally {
      await close();
      rmSync(directory, { recursive: true });
    }
  });
}

function recordChanges() {
  const changed: number[] = [];
  let taken = 0;
  let wake = () => {};
  const emit: Emit<FileSystemEvent> = (_, { watchId }) => {
    changed.push(watchId);
    wake();
    return true;
  };
  const came = () =>
    new Promise<void>((resolve) => {
      wake = resolve;
      if (changed.length > taken) resolve();
    });
  const nextChange = async () => {
    await within(30_000, "fs/missingChanged", came());
    return changed[taken++] ?? Number.NaN;
  };
  return { emit, changed, nextChange };
}

export const base64 = (text: string) => Buffer.from(text).toString("base64");
