/** Rows of cells, the first of them the header. */
export type Cells = readonly (readonly string[])[];

/** Lines in columns, for a terminal. */
export function tableText(rows: Cells): string {
  const [header = [], ...body] = rows;
  const widths = header.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const format = (row: readonly string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  const rule = widths.map((width) => "-".repeat(width));
  return [header, rule, ...body].map((row) => `${format(row)}\n`).join("");
}

/** For a README: what was measured, when, where and by which command, above the table. */
export function tableMarkdown(rows: Cells, notes: readonly string[]): string {
  const [header = [], ...body] = rows;
  const format = (row: readonly string[]) => `| ${row.map(escaped).join(" | ")} |\n`;
  const lines = [header, header.map(() => "---"), ...body].map(format);
  return `${notes.join("  \n")}\n\n${lines.join("")}`;
}

const escaped = (cell: string) => cell.replaceAll("|", "\\|");
