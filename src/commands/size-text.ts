import { InvalidArgumentError } from "commander";

const units: Readonly<Record<string, number>> = { "": 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

/** Parses a number of bytes, such as `4096`, `64MiB` or `1 GiB`; K, M and G mean the same. */
export function byteCount(text: string): number {
  const [, digits = "", prefix = ""] = /^(\d+)\s*(?:([KMG])(?:i?B)?)?$/i.exec(text.trim()) ?? [];
  const unit = units[prefix === "" ? "" : `${prefix.toUpperCase()}iB`] ?? 1;
  const bytes = Number(digits) * unit;
  if (digits !== "" && bytes > 0 && Number.isSafeInteger(bytes)) return bytes;
  throw new InvalidArgumentError(
    "Expected a number of bytes greater than 0, such as 4096, 512KiB or 64MiB.",
  );
}

/** The shortest text that `byteCount` parses to this number. */
export function byteText(bytes: number): string {
  const unit = ["GiB", "MiB", "KiB"].find((name) => bytes % (units[name] ?? 1) === 0) ?? "";
  return `${bytes / (units[unit] ?? 1)}${unit}`;
}

export function wholeNumber(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value > 0 && Number.isSafeInteger(value)) return value;
  throw new InvalidArgumentError("Expected a whole number greater than 0.");
}
