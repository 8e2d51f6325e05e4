import { walkAnswerBytesMax } from "../../../../limits.ts";
import type { Result } from "../../../../protocol/methods.ts";
import { type HostPath, pathUriOf, uriNames, uriPrefix } from "../../../../protocol/path-uri.ts";
import { joinedRuns, WrittenResult } from "../../../../protocol/written-result.ts";

type Answer = Result<"fs/walk">;
export type Kind = Answer["entries"][number]["kind"];

/** Entries of a directory: `kinds[i]` belongs to `names[i]`. */
export interface Children {
  readonly names: readonly string[];
  readonly kinds: readonly Kind[];
}

/** The entries of a directory that are in the answer. */
interface Listed {
  readonly uriPrefix: string;
  readonly uriNames: readonly string[];
  readonly kinds: readonly Kind[];
}

/** Bytes of an entry and its punctuation, without the path. */
const entryBytes = '{"path":"","kind":"directory"},'.length;

/** The answer to a walk while it is built, up to its limits. */
export class WalkAnswer {
  readonly #listed: Listed[] = [];
  readonly #errors: Answer["errors"] = [];
  readonly #nameOf: (path: HostPath) => HostPath;
  #entriesLeft: number;
  #bytesLeft = walkAnswerBytesMax;
  #isTruncated = false;

  /** `nameOf` maps the path at which an entry was read to its path in the answer. */
  constructor(entriesMax: number, nameOf: (path: HostPath) => HostPath) {
    this.#entriesLeft = entriesMax;
    this.#nameOf = nameOf;
  }

  get isTruncated(): boolean {
    return this.#isTruncated;
  }

  truncate(): void {
    this.#isTruncated = true;
  }

  addError(directory: HostPath, message: string): void {
    this.#errors.push({ path: pathUriOf(this.#nameOf(directory)), message });
  }

  /** Adds the entries that fit; returns how many those were. */
  add(path: HostPath, { names, kinds }: Children): number {
    const directory = this.#nameOf(path);
    const prefix = uriPrefix(directory);
    const fitting = this.#fitting(uriNames(directory, names), prefix.length + entryBytes);
    this.#isTruncated ||= fitting.length < names.length;
    this.#listed.push({ uriPrefix: prefix, uriNames: fitting, kinds });
    return fitting.length;
  }

  written(): WrittenResult<Answer> {
    return new WrittenResult({ plain: () => this.#plain(), parts: () => this.#parts() });
  }

  /** The parts of the JSON text. Nothing in a canonical URI needs to be escaped. */
  #parts(): readonly string[] {
    const entries = this.#listed.map(textOf).filter((text) => text !== "");
    const rest = { errors: this.#errors, truncated: this.#isTruncated };
    return ['{"entries":[', entries.join(), `],${JSON.stringify(rest).slice(1)}`];
  }

  #plain(): Answer {
    const entries = this.#listed.flatMap(({ uriPrefix, uriNames, kinds }) =>
      kinds.slice(0, uriNames.length).map((kind, at) => ({ path: uriPrefix + uriNames[at], kind })),
    );
    return { entries, errors: this.#errors, truncated: this.#isTruncated };
  }

  /**
   * Returns the first names that fit, and takes their room. Nearly always all fit, which is found
   * without a loop.
   */
  #fitting(names: readonly string[], bytesEach: number): readonly string[] {
    const some = names.slice(0, this.#entriesLeft);
    let bytes = some.join("").length + some.length * bytesEach;
    while (bytes > this.#bytesLeft) bytes -= bytesEach + (some.pop() ?? "").length;
    this.#entriesLeft -= some.length;
    this.#bytesLeft -= bytes;
    return some;
  }
}

function textOf({ uriPrefix, uriNames, kinds }: Listed): string {
  const before = `{"path":"${uriPrefix}`;
  const around = {
    file: { before, after: '","kind":"file"}' },
    directory: { before, after: '","kind":"directory"}' },
  };
  return joinedRuns(
    uriNames,
    kinds.map((kind) => around[kind]),
  );
}
