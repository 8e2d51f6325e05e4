/**
 * Normalizes deny patterns of clients: without braces, dots or needless escapes. Ambiguous syntax
 * is refused, because a pattern that is misread leaves files readable. Pure.
 */
import { globAlternativesMax } from "../../limits.ts";
import { invalidParams, type RpcError } from "../../protocol/errors.ts";
import { type HostPath, shownPath } from "../../protocol/path-uri.ts";
import { escapedGlob, globParts, isLiteral } from "./glob.ts";

/**
 * The absolute patterns (one char per byte) that `pattern` stands for. A relative one is taken from
 * `directory`. Throws an invalid-params RpcError that names unsupported syntax.
 */
export function globsIn(pattern: string, directory: HostPath): string[] {
  const choices = alternatives(pattern);
  if (pattern.startsWith("/")) return choices.map((choice) => normal(choice, pattern));
  if (choices.some((choice) => /^(?:~|\\~)?\//.test(choice))) {
    throw unsupported(pattern, "an absolute path in braces or behind a backslash");
  }
  const start = `${escapedGlob(directory)}/`;
  return choices.map((choice) => normal(start + choice, pattern));
}

/** All expansions of the braces of a pattern, also of nested ones. */
function alternatives(pattern: string): string[] {
  const open: string[][] = [[""]];
  const before: string[][] = [];
  for (const part of globParts(pattern)) {
    const current = open.at(-1) ?? [];
    if (part === "{") {
      before.push(open.pop() ?? []);
      open.push([], [""]);
    } else if (part === "," && before.length > 0) {
      chosen(open, pattern);
      open.push([""]);
    } else if (part === "}" && before.length > 0) {
      chosen(open, pattern);
      const choices = open.pop() ?? [];
      const starts = before.pop() ?? [];
      open.push(bounded(starts, choices, pattern));
    } else {
      open[open.length - 1] = current.map((text) => text + checked(part, pattern));
    }
  }
  if (before.length > 0) throw unsupported(pattern, "a brace that is not closed");
  return open[0] ?? [];
}

/** Ends an alternative and adds it to those before it. */
function chosen(open: string[][], pattern: string): void {
  const choice = open.pop() ?? [];
  const choices = open.pop() ?? [];
  open.push([...choices, ...choice]);
  if (choices.length + choice.length > globAlternativesMax) throw tooMany(pattern);
}

function bounded(starts: string[], choices: string[], pattern: string): string[] {
  if (starts.length * choices.length > globAlternativesMax) throw tooMany(pattern);
  return starts.flatMap((start) => choices.map((choice) => start + choice));
}

const outsideAscii = /[^\0-\x7f]/;

/** One part of a pattern, escaped so that it means the same without braces. */
function checked(part: string, pattern: string): string {
  if (part === "\\") throw unsupported(pattern, "a backslash at its end");
  if (part === "[") throw unsupported(pattern, "a bracket that is not closed");
  if (part.startsWith("\\")) return part === "\\/" ? "/" : escapedGlob(part.slice(1));
  if (part === "}" || part === "]") return `\\${part}`;
  if (part.length > 1) checkSet(part, pattern);
  return part;
}

function checkSet(set: string, pattern: string): void {
  if (/\[[:.=]/.test(set.slice(1))) throw unsupported(pattern, "a named class such as [:alpha:]");
  if (/[\\/]/.test(set)) throw unsupported(pattern, "a slash or backslash in brackets");
  if (outsideAscii.test(set)) throw unsupported(pattern, "a letter that is not ASCII in brackets");
  for (const [range, from = "", to = ""] of set
    .slice(1, -1)
    .replace(/^[!^]/, "")
    .matchAll(/(.)-(.)/gs)) {
    if (from > to) throw unsupported(pattern, `the range ${range}, which is empty,`);
  }
}

/** Resolves dots textually, as in URIs, and drops a trailing slash. */
function normal(text: string, pattern: string): string {
  const names: string[] = [];
  for (const name of text.split("/")) {
    if (name === "" || name === ".") continue;
    if (name !== "..") names.push(name);
    else if (isLiteral(names.at(-1) ?? "")) names.pop();
    else throw unsupported(pattern, "`..` behind a name with special characters");
  }
  return `/${names.join("/")}`;
}

function tooMany(pattern: string): RpcError {
  return unsupported(pattern, `more than ${globAlternativesMax} alternatives`);
}

function unsupported(pattern: string, what: string): RpcError {
  return invalidParams(
    `the deny pattern \`${shownPath(pattern)}\` has ${what}, which is not supported: ` +
      "`*`, `**`, `?`, `[a-z]`, `[!a]`, `{a,b}` and a backslash before a special character are",
  );
}
