/** Rows and columns of a terminal, 1 to 65 535 each. */
export interface TerminalSize {
  readonly rows: number;
  readonly cols: number;
}

const countMax = 65_535;

/** Checks a size. Throws a `TypeError` for rows or columns out of range. */
export function sizeOf(size: TerminalSize): TerminalSize {
  const { rows, cols } = size ?? {};
  for (const [name, count] of Object.entries({ rows, cols })) {
    if (!Number.isInteger(count) || count < 1 || count > countMax) {
      throw new TypeError(`\`${name}\` of a terminal must be a whole number from 1 to ${countMax}, \
not ${count}`);
    }
  }
  return { rows, cols };
}
