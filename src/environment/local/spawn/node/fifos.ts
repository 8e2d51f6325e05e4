import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { closeSync, constants, openSync, rmSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { fifoBatchMax } from "../../../../limits.ts";
import { isSystemError } from "../../../../protocol/errors.ts";
import { ownDirectory, stateDirectoryPath } from "../../../../sandbox/state/state-directory.ts";
import { toolEnv } from "./tools.ts";

type OurUse = "read" | "write";

/** The two ends of a pipe; ours does not block, theirs does. */
export interface PipeEnds {
  readonly ours: number;
  readonly theirs: number;
}

/**
 * A folder in the directory that servers of this user share, which is hidden from all sandboxes.
 */
export const pipesName = "pipes";

/**
 * Makes pipes from FIFOs, because Node's own are sockets, in which `echo x >/dev/stdout` fails.
 * FIFOs are made many at a time and unlinked as soon as both ends are open. A process that could
 * open them before that would read and write the pipes of others, and those that tell bwrap how to
 * confine them.
 */
export class FifoSupply {
  /** Created with the first FIFOs, and again when it was removed. */
  readonly directory = join(stateDirectoryPath(tmpdir()), pipesName, randomUUID());
  readonly #names: string[] = [];
  #made = 0;
  #making: Promise<void> | undefined;

  /** Opens a pipe for each use. Rejects as the system does: no descriptors, no space. */
  async open(ourUses: readonly OurUse[]): Promise<PipeEnds[]> {
    try {
      return await this.#open(ourUses);
    } catch (thrown) {
      if (!isSystemError(thrown) || thrown.code !== "ENOENT") throw thrown;
      // The folder was removed, as by a clean-up of temporary files.
      this.#names.length = 0;
      return this.#open(ourUses);
    }
  }

  /**
   * Waits for FIFOs that are being made: they would fail, or keep the directory from being removed.
   */
  async close(): Promise<void> {
    await this.#making?.catch(() => {});
    rmSync(this.directory, { recursive: true, force: true });
  }

  async #open(ourUses: readonly OurUse[]): Promise<PipeEnds[]> {
    while (this.#names.length < ourUses.length) await this.#makeMore();
    const opened: PipeEnds[] = [];
    try {
      for (const use of ourUses) opened.push(openFifo(this.#names.pop() ?? "", use));
      // An `open` that waits for these FIFOs gets the failure, if there is one.
      if (this.#names.length < fifoBatchMax / 2) this.#makeMore().catch(() => {});
      return opened;
    } catch (thrown) {
      for (const { ours, theirs } of opened) closeAll([ours, theirs]);
      throw thrown;
    }
  }

  async #makeDirectory(): Promise<void> {
    const pipes = dirname(this.directory);
    for (const path of [dirname(pipes), pipes, this.directory]) await ownDirectory(path);
  }

  #makeMore(): Promise<void> {
    this.#making ??= this.#make().finally(() => {
      this.#making = undefined;
    });
    return this.#making;
  }

  async #make(): Promise<void> {
    await this.#makeDirectory();
    const names = Array.from({ length: fifoBatchMax }, () =>
      join(this.directory, String(this.#made++)),
    );
    await promisify(execFile)("mkfifo", ["-m", "600", ...names], { env: toolEnv });
    this.#names.push(...names);
  }
}

/**
 * Opens both ends of a FIFO. To open one waits for the other, so a third that is both is opened
 * first.
 */
function openFifo(name: string, ourUse: OurUse): PipeEnds {
  const { O_RDWR, O_RDONLY, O_WRONLY, O_NONBLOCK } = constants;
  const fds: number[] = [];
  const open = (flags: number) => {
    const fd = openSync(name, flags);
    fds.push(fd);
    return fd;
  };
  try {
    const both = open(O_RDWR | O_NONBLOCK);
    const theirs = open(ourUse === "read" ? O_WRONLY : O_RDONLY);
    const ours = open((ourUse === "read" ? O_RDONLY : O_WRONLY) | O_NONBLOCK);
    closeSync(both);
    return { ours, theirs };
  } catch (thrown) {
    closeAll(fds);
    throw thrown;
  } finally {
    unlinkSync(name);
  }
}

export function closeAll(fds: readonly number[]): void {
  for (const fd of fds) closeSync(fd);
}
