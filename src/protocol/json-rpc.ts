import { messageDepthMax, messageValuesMax } from "../limits.ts";

/**
 * The envelope: JSON-RPC without the `jsonrpc` member. Read without zod, because every message
 * passes here.
 *
 * The id of a request is kept as its JSON text and sent back as that: an integer above 2^53 would
 * lose its last digits as a JavaScript number.
 */
export type Incoming =
  | { kind: "request"; id: string; method: string; params: unknown; trace: Trace | undefined }
  | { kind: "notification"; method: string }
  | { kind: "reply" }
  | { kind: "malformed"; reason: string };

/** A message that is to be answered. */
export type IncomingRequest = Extract<Incoming, { kind: "request" }>;

/** Trace context of the caller, by W3C. The contents are not checked. */
export interface Trace {
  readonly traceparent?: string | null;
  readonly tracestate?: string | null;
}

/** The id of answers to unreadable messages. */
export const unreadableId = "-1";

/** Parses one message. Never throws: an invalid one is `malformed`, with the reason. */
export function readMessage(text: string): Incoming {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch (error) {
    return malformed((error as SyntaxError).message);
  }
  if (!isObject(message)) return malformed("expected a JSON-RPC object");
  const excess = excessOf(message, text);
  if (excess) return malformed(excess);
  if (Object.hasOwn(message, "method")) return readCall(message, text);
  if (isReply(message)) return { kind: "reply" };
  return malformed("missing field `method`");
}

const malformed = (reason: string): Incoming => ({ kind: "malformed", reason });

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const isReply = (message: object) =>
  Object.hasOwn(message, "result") || Object.hasOwn(message, "error");

function readCall(message: Record<string, unknown>, text: string): Incoming {
  const { method, trace } = message;
  if (typeof method !== "string") return malformed("`method` must be a string");
  if (!Object.hasOwn(message, "id")) return { kind: "notification", method };
  const id = idText(message.id, text);
  if (id === undefined) return malformed("`id` must be a string or a whole number of 64 bits");
  if (!isTrace(trace)) return malformed("`trace` must be an object of strings");
  return { kind: "request", id, method, params: message.params, trace: trace ?? undefined };
}

function isTrace(trace: unknown): trace is Trace | null | undefined {
  if (trace === undefined || trace === null) return true;
  return isObject(trace) && isTextOrNothing(trace.traceparent) && isTextOrNothing(trace.tracestate);
}

const isTextOrNothing = (value: unknown) => value == null || typeof value === "string";

// ---- the text of an id

function idText(id: unknown, text: string): string | undefined {
  if (typeof id === "string") return JSON.stringify(id);
  if (typeof id !== "number") return undefined;
  const leading = leadingId.exec(text)?.[1];
  if (Number.isSafeInteger(id) && Number(leading) === id) return leading;
  const digits = leading ?? memberText(text, "id");
  return digits !== undefined && Number(digits) === id && isInteger64(digits) ? digits : undefined;
}

/** Nearly every client writes the id first, which saves a search through the text. */
const leadingId = /^\s*\{\s*"id"\s*:\s*(-?\d+)\s*[,}]/;

const int64Min = -(2n ** 63n);
const uint64Max = 2n ** 64n - 1n;

function isInteger64(digits: string): boolean {
  if (!/^-?\d{1,20}$/.test(digits)) return false;
  const value = BigInt(digits);
  return value >= int64Min && value <= uint64Max;
}

/** The text of the numeric value of member `name` of the outermost object in valid JSON. */
function memberText(text: string, name: string): string | undefined {
  let depth = 0;
  let found: string | undefined;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === "{" || char === "[") depth++;
    else if (char === "}" || char === "]") depth--;
    else if (char === '"') {
      const end = stringEnd(text, at);
      if (depth === 1 && text.slice(at + 1, end) === name) found = numberAfterColon(text, end);
      at = end;
    }
  }
  return found;
}

/** The index of the quote that ends the string which begins at `start`. */
function stringEnd(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); ; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text[end - 1 - backslashes] === "\\") backslashes++;
    if (backslashes % 2 === 0) return end;
  }
}

function numberAfterColon(text: string, keyEnd: number): string | undefined {
  const number = /"\s*:\s*([-+.\deE]+)/y;
  number.lastIndex = keyEnd;
  return number.exec(text)?.[1];
}

// ---- size of a message

/** A level takes two brackets and a value a character: a shorter text exceeds neither limit. */
const excessCharsMin = Math.min(2 * messageDepthMax, messageValuesMax);

/** Why a message exceeds the limits of depth or number of values; otherwise undefined. */
export const excessOf = (message: object, text: string): string | undefined =>
  text.length < excessCharsMin ? undefined : excessOfValues(message);

function excessOfValues(message: object): string | undefined {
  let values = 0;
  const visit = (value: unknown, depth: number): string | undefined => {
    values++;
    if (values > messageValuesMax) {
      return `JSON-RPC message exceeds the limit of ${messageValuesMax} JSON values`;
    }
    if (typeof value !== "object" || value === null) return undefined;
    if (depth > messageDepthMax) return `recursion limit of ${messageDepthMax} levels exceeded`;
    for (const member of Object.values(value)) {
      const excess = visit(member, depth + 1);
      if (excess) return excess;
    }
    return undefined;
  };
  return visit(message, 1);
}
