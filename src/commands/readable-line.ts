import { styleText } from "node:util";
import type { LogFields, LogLevel } from "../server/watch/log.ts";

const colors = { debug: "gray", info: "green", warn: "yellow", error: "red" } as const;

/** Formats a log line for people: time, level, message, and the fields as `name=value`. */
export function readableLine(level: LogLevel, message: string, fields: LogFields): string {
  const time = new Date().toTimeString().slice(0, 8);
  const label = level.toUpperCase().padEnd(5);
  const pairs = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => styled("dim", `${name}=${valueText(value)}`));
  return `${[time, styled(colors[level], label), printable(message), ...pairs].join(" ")}\n`;
}

/** Quoted when it could be taken for several values. */
const valueText = (value: LogFields[string]) =>
  /^[\w.:/+-]*$/.test(String(value)) ? String(value) : JSON.stringify(value);

/** Removes control characters, so that no foreign escape sequences reach the terminal. */
const printable = (text: string) =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is meant.
  text.replace(/[\u0000-\u001f\u007f-\u009f]/g, "\uFFFD");

const styled = (style: Parameters<typeof styleText>[0], text: string) =>
  process.env.NO_COLOR ? text : styleText(style, text);
