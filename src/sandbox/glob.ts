/**
 * Denials by pattern, in the form that `globsIn` gives them. `*` and `?` stay within a name, `**`
 * crosses directories, a backslash takes the next character as it is.
 */
import type { HostPath } from "../protocol/path-uri.ts";

/**
 * The expression that matches whole paths (one char per byte) of an absolute `pattern`. What stands
 * before a star is looked for once, where it first comes: a later place would leave less for the
 * star. So a pattern full of stars costs no more than the square of a path's length, where trying
 * all places could hold up the server for minutes.
 */
export function globExpression(pattern: string): RegExp {
  const pieces = translated(globParts(pattern));
  const once = atomicGroups();
  const between = (list: string[]) => joined(splitAt(list, isStar), once, concatenated);
  const source = joined(splitAt(pieces, isCrossing), once, between);
  return new RegExp(`^${source}$`, "s");
}

/** A pattern, cut where one character or set of characters ends and the next begins. */
export function globParts(pattern: string): string[] {
  return pattern.match(/\\.|\[[!^]?\]?(?:\[[:.=][^\]]*\]|[^\]])*\]|./gs) ?? [];
}

/** Whether a pattern has no special character, and so is the name of one place. */
export function isLiteral(pattern: string): boolean {
  return !/[*?[]/.test(pattern.replace(/\\./gs, ""));
}

/** The text that a literal pattern stands for. */
export function literalText(pattern: string): string {
  return pattern.replace(/\\(.)/gs, "$1");
}

/** The pattern that matches `text` alone. */
export function escapedGlob(text: string): string {
  return text.replace(/[*?[\]{}\\]/g, "\\$&");
}

/** The names of a pattern, of which the first ones, without special characters, are its base. */
export function splitGlob(pattern: string): { base: HostPath; names: readonly string[] } {
  const names = pattern.split("/").slice(1);
  const special = names.findIndex((name) => !isLiteral(name));
  const count = special < 0 ? names.length - 1 : special;
  const base = `/${names.slice(0, count).map(literalText).join("/")}`;
  return { base: base as HostPath, names: names.slice(count) };
}

/** The same pattern below another base. */
export function rebased(pattern: string, base: HostPath): string {
  const { names } = splitGlob(pattern);
  return [base === "/" ? "" : escapedGlob(base), ...names].join("/");
}

const star = "[^/]*?";
const stars = ".*?";
const directories = "(?:.*?/)??";
const isStar = (piece: string) => piece === star;
const isCrossing = (piece: string) => piece === stars || piece === directories;
const concatenated = (list: string[]) => list.join("");

/** Each list but the first begins with a piece that `isBoundary`. */
function splitAt(pieces: readonly string[], isBoundary: (piece: string) => boolean): string[][] {
  const lists: string[][] = [[]];
  for (const piece of pieces) {
    if (isBoundary(piece)) lists.push([]);
    lists.at(-1)?.push(piece);
  }
  return lists;
}

/** What comes after a boundary is tried once, but for the last, which must reach the end. */
function joined(
  lists: string[][],
  once: (source: string) => string,
  sourceOf: (list: string[]) => string,
): string {
  const lastAt = lists.length - 1;
  return lists
    .map((list, at) => (at === 0 || at === lastAt ? sourceOf(list) : once(sourceOf(list))))
    .join("");
}

/** JavaScript has no groups that are never tried again, but does so with what looks ahead. */
function atomicGroups(): (source: string) => string {
  let count = 0;
  return (source) => {
    const name = `g${count++}`;
    return `(?=(?<${name}>${source}))\\k<${name}>`;
  };
}

const sequences = ["[\\xc2-\\xdf]", "[\\xe0-\\xef].", "[\\xf0-\\xf4].."];
const sequence = `(?:${sequences.join("|").replaceAll(".", "[\\x80-\\xbf]")})[\\x80-\\xbf]`;
/** A character of UTF-8, or a byte that belongs to none. */
const anyCharacter = `(?:${sequence}|(?!${sequence})[^/])`;

/** The expressions for the parts of a pattern. */
function translated(parts: readonly string[]): string[] {
  const pieces: string[] = [];
  for (let at = 0; at < parts.length; ) {
    const [piece, count] = translatedAt(parts, at);
    pieces.push(piece);
    at += count;
  }
  return pieces;
}

/** The expression for what stands at `at`, and how many parts of the pattern that is. */
function translatedAt(parts: readonly string[], at: number): [string, number] {
  const part = parts[at] ?? "";
  if (part === "*") return translatedStars(parts, at);
  if (part === "?") return [anyCharacter, 1];
  if (part.startsWith("[") && part.length > 1) return [translatedSet(part), 1];
  return [literal(part.startsWith("\\") ? part.slice(1) : part), 1];
}

/** Three and more mean no more than two. */
function translatedStars(parts: readonly string[], at: number): [string, number] {
  let count = 1;
  while (parts[at + count] === "*") count++;
  if (count === 1) return [star, 1];
  const isWhole = parts[at - 1] === "/" && parts[at + count] === "/";
  return isWhole ? [directories, count + 1] : [stars, count];
}

/** `[a-z]`, `[!a]`; what is not ASCII is in no set, and so in every one that excludes. */
function translatedSet(set: string): string {
  const [, not = "", members = ""] = /^\[([!^]?)(.*)\]$/s.exec(set) ?? [];
  const escaped = members.replace(/[\\\]^[]/g, "\\$&");
  return not ? `(?![${escaped}])${anyCharacter}` : `(?!/)[${escaped}]`;
}

function literal(char: string): string {
  return char.replace(/[\\^$.|+()*?[\]{}]/g, "\\$&");
}
