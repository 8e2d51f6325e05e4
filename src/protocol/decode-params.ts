import * as z from "zod/mini";
import en from "zod/v4/locales/en.js";
import { invalidParams } from "./errors.ts";

// zod/mini has no messages by itself.
z.config(en());

/**
 * Checks the params of a client against the schema of the method; throws -32602 with the reason.
 */
export function decodeParams<S extends z.ZodMiniType>(schema: S, params: unknown): z.output<S> {
  const outcome = schema.safeParse(params);
  if (outcome.success) return outcome.data;
  throw invalidParams(complaint(outcome.error, params));
}

/** The text for the first issue. */
function complaint(error: z.core.$ZodError, params: unknown): string {
  const issue = deepestIssue(error.issues[0]);
  if (issue === undefined) return "invalid params";
  const place = issue.path.map(String).join(".");
  const value = valueAt(params, issue.path);
  if (value === undefined && place !== "") return `missing field \`${place}\``;
  if (issue.code === "invalid_type") return inPlace(place, wrongType(issue.expected, value));
  if (issue.code === "invalid_value") return inPlace(place, wrongVariant(issue.values, value));
  if (issue.code === "unrecognized_keys") return inPlace(place, unknownField(issue.keys));
  return inPlace(place, issue.message);
}

/** For a union zod reports the issues of every variant; the first is as good as any. */
function deepestIssue(issue: z.core.$ZodIssue | undefined): z.core.$ZodIssue | undefined {
  if (issue?.code !== "invalid_union") return issue;
  const inner = issue.errors[0]?.[0];
  return inner === undefined
    ? issue
    : deepestIssue({ ...inner, path: [...issue.path, ...inner.path] });
}

function valueAt(params: unknown, path: PropertyKey[]): unknown {
  let value = params;
  for (const key of path) value = (value as Record<PropertyKey, unknown> | undefined)?.[key];
  return value;
}

const inPlace = (place: string, text: string) => (place === "" ? text : `\`${place}\`: ${text}`);

const wrongType = (expected: string, value: unknown) =>
  `invalid type: ${typeName(value)}, expected ${expected}`;

function wrongVariant(values: readonly unknown[], value: unknown): string {
  const expected = values.map((variant) => `\`${variant}\``).join(", ");
  if (typeof value !== "string") return wrongType(`one of ${expected}`, value);
  return `unknown variant \`${value}\`, expected ${values.length > 1 ? "one of " : ""}${expected}`;
}

const unknownField = ([name]: readonly string[]) => `unknown field \`${name}\``;

function typeName(value: unknown): string {
  if (value === null || value === undefined) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}
