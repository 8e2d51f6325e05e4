/**
 * Empty directories in workspaces, in place of protected names that do not exist. A mount needs
 * something to lie on, and nothing else keeps a name from coming into being. They are there only
 * while a process runs that needs them, and each is marked by a link in the state directory before it
 * is made, so that whoever comes after a crash knows what to remove.
 */
import { readFileSync } from "node:fs";
import { mkdir, readdir, readlink, rmdir, symlink, unlink } from "node:fs/promises";
import { type HostPath, nodePath } from "../protocol/path-uri.ts";
import { MountSweeper } from "./mount-sweeper.ts";

export class MountPoints {
  readonly #marks: () => Promise<HostPath>;
  /** How many processes need each, and the name of its mark. */
  readonly #needed = new Map<HostPath, { count: number; readonly mark: string }>();
  readonly #name = serverName(process.pid);
  readonly #sweeper: MountSweeper;
  #marked = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(marks: () => Promise<HostPath>) {
    this.#marks = marks;
    this.#sweeper = new MountSweeper(this.#name);
  }

  has(path: HostPath): boolean {
    return this.#needed.has(path);
  }

  /** Makes those that are missing. The result takes back what only this call needed. */
  make(paths: readonly HostPath[]): Promise<() => Promise<void>> {
    return this.#inTurn(async () => {
      const others = await this.#ofOthers();
      const made: HostPath[] = [];
      for (const path of paths) if (await this.#need(path, others)) made.push(path);
      return () => this.#inTurn(() => this.#release(made));
    });
  }

  /** Removes what servers left that are no more. */
  async sweep(): Promise<void> {
    const marks = await this.#marks();
    for (const mark of await readdir(marks)) {
      if (!isAlive(mark)) await removeMarked(`${marks}/${mark}` as HostPath);
    }
  }

  close(): void {
    this.#sweeper.close();
  }

  /** One at a time: what one removes another may be about to need. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #need(path: HostPath, others: ReadonlySet<string>): Promise<boolean> {
    const known = this.#needed.get(path);
    if (known) {
      known.count++;
      return true;
    }
    const marks = await this.#marks();
    await this.#sweeper.start(marks);
    const mark = `${marks}/${this.#name}-${this.#marked++}` as HostPath;
    await symlink(nodePath(path), mark);
    const isOurs = (await makeEmpty(path)) || others.has(path);
    if (isOurs) this.#needed.set(path, { count: 1, mark });
    else await unlink(mark);
    return isOurs;
  }

  async #release(paths: readonly HostPath[]): Promise<void> {
    for (const path of paths) {
      const known = this.#needed.get(path);
      if (!known || --known.count > 0) continue;
      this.#needed.delete(path);
      if ((await this.#ofOthers()).has(path)) await unlink(known.mark);
      else await removeMarked(known.mark as HostPath);
    }
  }

  /** Mount points that other servers of this user need at the moment. */
  async #ofOthers(): Promise<Set<string>> {
    const marks = await this.#marks();
    const names = (await readdir(marks)).filter(
      (mark) => !mark.startsWith(`${this.#name}-`) && isAlive(mark),
    );
    const targets = names.map((name) => readlink(`${marks}/${name}`, "latin1").catch(() => ""));
    return new Set(await Promise.all(targets));
  }
}

/** False when something is there, or when nobody with our rights can make it: then nothing is needed. */
async function makeEmpty(path: HostPath): Promise<boolean> {
  try {
    await mkdir(nodePath(path));
    return true;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (["EEXIST", "EACCES", "EPERM", "EROFS", "ENOENT", "ENOTDIR"].includes(code)) return false;
    throw error;
  }
}

/** What is no longer empty has become somebody's directory, and stays. */
async function removeMarked(mark: HostPath): Promise<void> {
  const target = await readlink(mark, "latin1").catch(() => undefined);
  if (target === undefined) return;
  await rmdir(nodePath(target as HostPath)).catch(unlessKept);
  await unlink(mark).catch(unlessKept);
}

function unlessKept(error: NodeJS.ErrnoException): void {
  const expected = ["ENOENT", "ENOTEMPTY", "ENOTDIR", "EEXIST", "EACCES", "EPERM", "EROFS"];
  if (!expected.includes(error.code ?? "")) throw error;
}

/** Process ids are used again; together with the time of its start one is unique. */
function serverName(pid: number): string {
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1")
    .replace(/^.*\) /s, "")
    .split(" ");
  return `${pid}.${fields[19]}`;
}

function isAlive(mark: string): boolean {
  const [name = ""] = mark.split("-");
  try {
    return serverName(Number.parseInt(name, 10)) === name;
  } catch {
    // No such process.
    return false;
  }
}
