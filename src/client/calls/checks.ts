import { inspect, types } from "node:util";
import { uriOfPath } from "./paths.ts";

/** Throws a `TypeError` that names the value, and says what it has to be and what it is. */
export type Check = (name: string, value: unknown) => void;

const must =
  (expected: string, accepts: (value: unknown) => boolean): Check =>
  (name, value) => {
    if (accepts(value)) return;
    throw new TypeError(`\`${name}\` must be ${expected}, not ${shown(value)}`);
  };

/** Of an object only the class, because it may hold a secret. */
const shown = (value: unknown) =>
  typeof value === "object" && value !== null
    ? Object.prototype.toString.call(value)
    : inspect(value, { maxStringLength: 20 });

export const text = must("a text", (value) => typeof value === "string");

export const flag = must("true or false", (value) => typeof value === "boolean");

const isObject = (value: unknown) =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export const object = must("an object", isObject);

export const bytes = must(
  "a text or a Uint8Array",
  (value) => typeof value === "string" || types.isUint8Array(value),
);

export const wholeNumber = (from: number, to = Number.POSITIVE_INFINITY) =>
  must(
    `a whole number from ${from}${Number.isFinite(to) ? ` to ${to}` : ""}`,
    (value) => Number.isInteger(value) && Number(value) >= from && Number(value) <= to,
  );

/** A time to wait at most, in milliseconds; may be infinite. */
export const timeLimit = must(
  "a number above 0",
  (value) => typeof value === "number" && value > 0,
);

/** The same, where none at all makes sense. */
export const pause = must("a number from 0", (value) => typeof value === "number" && value >= 0);

export const oneOf = (...words: readonly string[]) =>
  must(words.map((word) => inspect(word)).join(" or "), (value) => words.includes(value as string));

/** Not known by its class: a signal may come from a package, or from another realm. */
export const abortSignal = must(
  "an AbortSignal",
  (value) => typeof (value as AbortSignal | null)?.throwIfAborted === "function",
);

export const path: Check = (name, value) => {
  try {
    uriOfPath(value as string);
  } catch (error) {
    throw new TypeError(`\`${name}\`: ${(error as Error).message}`, { cause: error });
  }
};

export const list =
  (item: Check, expected: string): Check =>
  (name, value) => {
    must(expected, Array.isArray)(name, value);
    for (const [index, one] of (value as unknown[]).entries()) item(`${name}.${index}`, one);
  };

/** Values by name. An undefined one counts as absent. */
export const record =
  (item: Check): Check =>
  (name, value) => {
    object(name, value);
    for (const [key, one] of Object.entries(value as object)) {
      if (one !== undefined) item(`${name}.${key}`, one);
    }
  };

/** An object with these members, all of which it must have. */
export const members =
  (checks: Readonly<Record<string, Check>>, expected = "an object"): Check =>
  (name, value) => {
    must(expected, isObject)(name, value);
    for (const [key, check] of Object.entries(checks)) {
      check(`${name}.${key}`, (value as Readonly<Record<string, unknown>>)[key]);
    }
  };

export const optional =
  (check: Check): Check =>
  (name, value) => {
    if (value !== undefined) check(name, value);
  };

/** Checks by another one what is none of `values`. */
export const unless =
  (values: readonly unknown[], check: Check): Check =>
  (name, value) => {
    if (!values.includes(value)) check(name, value);
  };
