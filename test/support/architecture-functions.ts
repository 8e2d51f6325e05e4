import { closingBracket, lineAt } from "./architecture-text.ts";

export interface FoundFunction {
  readonly line: number;
  readonly lines: number;
  readonly parameters: number;
}

/** Words before a `(` that make it something else than the head of a method. */
const notMethods = /^(?:if|for|while|switch|catch|return|await|new|typeof|super|function|with|do)$/;
const methodHead =
  /^[ \t]*(?:(?:static|async|override|get|set|declare|abstract|\*)\s+)*(?:\*\s*)?(#?[\w$]+)\s*$/;
const generics = /<[^<>()]*(?:<[^<>()]*>[^<>()]*)*>$/;
const functionHead = /\bfunction\s*\*?\s*[\w$]*\s*$/;

/** Finds functions, methods and arrow functions by what stands around each `(`. */
export function findFunctions(code: string): FoundFunction[] {
  const found: FoundFunction[] = [];
  for (let open = code.indexOf("("); open >= 0; open = code.indexOf("(", open + 1)) {
    const bodyEnd = functionEnd(code, open);
    if (bodyEnd === undefined) continue;
    const line = lineAt(code, open);
    found.push({
      line,
      lines: lineAt(code, bodyEnd) - line + 1,
      parameters: countParameters(code.slice(open + 1, closingBracket(code, open))),
    });
  }
  return found;
}

/** Where the function ends whose parameters begin at `open`; undefined when it is no function. */
function functionEnd(code: string, open: number): number | undefined {
  const close = closingBracket(code, open);
  const after = skipReturnType(code, skipSpace(code, close + 1));
  const lineStart = code.lastIndexOf("\n", open) + 1;
  const head = code.slice(lineStart, open).replace(generics, "");
  if (code.startsWith("=>", after)) return arrowEnd(code, skipSpace(code, after + 2));
  const method = methodHead.exec(head)?.[1];
  const isMethod = method !== undefined && !notMethods.test(method);
  if (!isMethod && !functionHead.test(head)) return undefined;
  return code.charAt(after) === "{" ? closingBracket(code, after) : undefined;
}

function arrowEnd(code: string, body: number): number {
  if (/[({[]/.test(code.charAt(body))) return closingBracket(code, body);
  return expressionEnd(code, body);
}

/**
 * An expression ends where the brackets around it do, or at a comma or semicolon. A `{` right
 * behind a word or a closing bracket shows that it was no expression but a type, and what follows
 * its body.
 */
function expressionEnd(code: string, start: number): number {
  for (let at = start; at < code.length; at += 1) {
    const character = code.charAt(at);
    if (/[)\]},;]/.test(character)) return at;
    if (character === "{" && /(?:[\w$\])]|(?<!=)>)\s*$/.test(code.slice(start, at))) return at;
    if (/[({[]/.test(character)) at = closingBracket(code, at);
  }
  return code.length - 1;
}

/** From a `:` behind the parameters to the `{` or `=>` that begins the body. */
function skipReturnType(code: string, colon: number): number {
  if (code.charAt(colon) !== ":") return colon;
  let previous = ":";
  for (let at = skipSpace(code, colon + 1); at < code.length; at = skipSpace(code, at + 1)) {
    const character = code.charAt(at);
    const startsType = /[:|&<,(]/.test(previous);
    const isArrow = code.startsWith("=>", at);
    if (isArrow && previous !== functionType) return at;
    if (/[;,)\]}]/.test(character) || (character === "{" && !startsType)) return at;
    if (/[({[]/.test(character)) at = closingBracket(code, at);
    previous = character === "(" && startsType ? functionType : character;
    if (isArrow) {
      at += 1;
      previous = ":";
    }
  }
  return code.length;
}

/** Stands for a bracket that begins a type: an arrow behind it belongs to the type. */
const functionType = "()";

function skipSpace(code: string, at: number): number {
  while (/\s/.test(code.charAt(at))) at += 1;
  return at;
}

/** Commas outside of brackets, plus one; `=>` is no closing bracket. */
function countParameters(list: string): number {
  const text = list.replace(/=>/g, "  ").replace(/,\s*$/, "");
  let depth = 0;
  let count = text.trim() === "" ? 0 : 1;
  for (const character of text) {
    if (/[({[<]/.test(character)) depth += 1;
    if (/[)}\]>]/.test(character)) depth -= 1;
    if (character === "," && depth === 0) count += 1;
  }
  return count;
}
