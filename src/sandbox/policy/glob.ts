/**
 * Deny patterns, as `globsIn` normalizes them. `*` and `?` match within a name, `**` crosses
 * directories, a backslash escapes the next character.
 */
import type { HostPath } from "../../protocol/path-uri.ts";

/**
 * The expression that matches whole paths (one char per byte) of an absolute `pattern`. After a
 * star, the first match of what follows is final, because a later one would leave less for the
 * rest. So a pattern full of stars costs at most the square of a path's length, where full
 * backtracking could hold up the server for minutes.
 */
export function globExpression(pattern: string): RegExp {
  const pieces = translated(globParts(pattern));
  const once = atomicGroups();
  const between = (list: string[]) => joined(splitAt(list, isStar), once, concatenated);
  const source = joined(splitAt(pieces, isCrossing), once, between);
  return new RegExp(`^${source}$`, "s");
}

/** Splits a pattern into characters and bracket sets. */
export function globParts(pattern: string): string[] {
  return pattern.match(/\\.|\[[!^]?\]?(?:\[[:.=][^\]]*\]|[^\]])*\]|./gs) ?? [];
}

/** Whether a pattern has no special character, and so names one path. */
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

/**
 * Splits a pattern into its base, the leading names without special characters, and the other
 * names.
 */
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

/** Splits before each piece that `isBoundary`. */
function splitAt(pieces: readonly string[], isBoundary: (piece: string) => boolean): string[][] {
  const lists: string[][] = [[]];
  for (const piece of pieces) {
    if (isBoundary(piece)) lists.push([]);
    lists.at(-1)?.push(piece);
  }
  return lists;
}

/**
 * Joins the lists. What follows a boundary is matched once, except the last, which must reach the
 * end.
 */
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

/** Emulates atomic groups, which JavaScript lacks, by a lookahead with a back reference. */
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

/** The expression for the part at `at`, and the number of parts that it covers. */
function translatedAt(parts: readonly string[], at: number): [string, number] {
  const part = parts[at] ?? "";
  if (part === "*") return translatedStars(parts, at);
  if (part === "?") return [anyCharacter, 1];
  if (part.startsWith("[") && part.length > 1) return [translatedSet(part), 1];
  return [literal(part.startsWith("\\") ? part.slice(1) : part), 1];
}

/** Three or more stars mean the same as two. */
function translatedStars(parts: readonly string[], at: number): [string, number] {
  let count = 1;
  while (parts[at + count] === "*") count++;
  if (count === 1) return [star, 1];
  const isWhole = parts[at - 1] === "/" && parts[at + count] === "/";
  return isWhole ? [directories, count + 1] : [stars, count];
}

/** `[a-z]`, `[!a]`. A character beyond ASCII is in no set, so every excluding set matches it. */
function translatedSet(set: string): string {
  const [, not = "", members = ""] = /^\[([!^]?)(.*)\]$/s.exec(set) ?? [];
  const escaped = members.replace(/[\\\]^[]/g, "\\$&");
  return not ? `(?![${escaped}])${anyCharacter}` : `(?!/)[${escaped}]`;
}

function literal(char: string): string {
  return char.replace(/[\\^$.|+()*?[\]{}]/g, "\\$&");
}
