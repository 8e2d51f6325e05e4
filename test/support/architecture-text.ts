/**
 * Reads TypeScript well enough to look for words and brackets: which characters are code, which are
 * comments, strings or regular expressions. TypeScript 7 offers no parser to JavaScript.
 */

interface Masks {
  /** Comments, strings and regular expressions blanked; every character at its old place. */
  readonly code: string;
  /** Only comments blanked: here are the names of imported modules. */
  readonly uncommented: string;
}

interface Piece {
  readonly kind: "code" | "comment" | "string";
  readonly text: string;
}

export function mask(text: string): Masks {
  const pieces = [...split(text)];
  const join = (isKept: (piece: Piece) => boolean) =>
    pieces.map((piece) => (isKept(piece) ? piece.text : blank(piece.text))).join("");
  return {
    code: join(({ kind }) => kind === "code"),
    uncommented: join(({ kind }) => kind !== "comment"),
  };
}

const blank = (text: string) => text.replace(/[^\n]/g, " ");

const comment = /\/\/.*|\/\*[\s\S]*?\*\//y;
const quoted = /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/y;
const regularExpression = /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/[a-z]*/y;
const templatePart = /(?:\\[\s\S]|\$(?!\{)|[^`\\$])*/y;

/** What can stand before an expression, so that a slash behind it begins a regular expression. */
const expressionFollows = /(?:^|[(,=:[!&|?{};+\-*%~^<>]|\b(?:return|typeof|case|in|of|await))\s*$/;

/** Every `}` that ends the `${…}` of a template is found by counting the braces inside. */
function* split(text: string): Generator<Piece> {
  const openTemplates: number[] = [];
  let before = "";
  let at = 0;
  while (at < text.length) {
    const { piece, depthChange } = next(text, at, before, openTemplates.at(-1));
    const depth = openTemplates.pop();
    if (depth !== undefined && depthChange !== "close") {
      openTemplates.push(depthChange === "open" ? depth : depth + depthChange);
    }
    if (depthChange === "open") openTemplates.push(0);
    if (piece.kind !== "comment") before = (before + piece.text).slice(-40);
    at += piece.text.length;
    yield piece;
  }
}

interface Step {
  readonly piece: Piece;
  /** How many braces were opened, or that the code inside a template begins or ends. */
  readonly depthChange: number | "open" | "close";
}

function next(text: string, at: number, before: string, depth: number | undefined): Step {
  const skipped = matchAt(comment, text, at);
  if (skipped) return { piece: { kind: "comment", text: skipped }, depthChange: 0 };
  const expression = expressionFollows.test(before) ? matchAt(regularExpression, text, at) : "";
  const string = matchAt(quoted, text, at) || expression;
  if (string) return { piece: { kind: "string", text: string }, depthChange: 0 };
  const character = text.charAt(at);
  if (character === "`") return template(text, at, false);
  if (character === "}" && depth === 0) return template(text, at, true);
  return { piece: { kind: "code", text: character }, depthChange: braceChange(character) };
}

/** The text of a template from a backquote or the end of a `${…}` to the next `${` or the end. */
function template(text: string, at: number, isContinued: boolean): Step {
  const part = matchAt(templatePart, text, at + 1);
  const end = at + 1 + part.length;
  const opens = text.startsWith("${", end);
  const piece: Piece = { kind: "string", text: text.slice(at, end + (opens ? 2 : 1)) };
  if (opens) return { piece, depthChange: isContinued ? 0 : "open" };
  return { piece, depthChange: isContinued ? "close" : 0 };
}

const braceChange = (character: string) => (character === "{" ? 1 : character === "}" ? -1 : 0);

function matchAt(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? "";
}

const closers: Record<string, string> = { "(": ")", "[": "]", "{": "}" };

/** Where the bracket that opens at `open` is closed; the last character when it never is. */
export function closingBracket(code: string, open: number): number {
  const opener = code.charAt(open);
  const closer = closers[opener];
  let depth = 0;
  for (let at = open; at < code.length; at += 1) {
    if (code.charAt(at) === opener) depth += 1;
    if (code.charAt(at) === closer) depth -= 1;
    if (depth === 0) return at;
  }
  return code.length - 1;
}

export const lineAt = (text: string, at: number) => text.slice(0, at).split("\n").length;
