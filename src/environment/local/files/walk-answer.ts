import { walkAnswerBytesMax } from "../../../limits.ts";
import type { Result } from "../../../protocol/methods.ts";
import { type HostPath, pathUriOf, uriNames, uriPrefix } from "../../../protocol/path-uri.ts";
import { joinedRuns, WrittenResult } from "../../../protocol/written-result.ts";

type Answer = Result<"fs/walk">;
export type Kind = Answer["entries"][number]["kind"];

/** What is in a directory: names and, at the same places, kinds. */
export interface Children {
  readonly names: readonly string[];
  readonly kinds: readonly Kind[];
}

/** What of a directory is in the answer. */
interface Listed {
  readonly uriPrefix: string;
  readonly uriNames: readonly string[];
  readonly kinds: readonly Kind[];
}

/** The members of an entry and its punctuation, besides the path. */
const entryBytes = '{"path":"","kind":"directory"},'.length;

/** The answer to a walk while it grows, up to its bounds. */
export class WalkAnswer {
  readonly #listed: Listed[] = [];
  readonly #errors: Answer["errors"] = [];
  readonly #nameOf: (path: HostPath) => HostPath;
  #entriesLeft: number;
  #bytesLeft = walkAnswerBytesMax;
  #isTruncated = false;

  /** The answer has what is reached at a path under the name that `nameOf` gives it. */
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

  /** Adds what there is room for; tells how many entries that were. */
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

  /** Nothing in a canonical URI needs to be escaped. */
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

  /** Takes room for the first of them. Nearly always all fit, which is seen without a loop. */
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
