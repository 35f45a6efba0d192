/** One column of a table: its heading, and what stands in it. */
export interface Column<Row> {
  readonly name: string;
  readonly value: (row: Row) => unknown;
  readonly align?: "right";
}

/**
 * Makes text safe to show. Agents choose paths, labels and metadata, and an escape sequence among them would act on the
 * operator's terminal: control and invisible formatting characters are shown as their code instead.
 */
export function showText(value: unknown): string {
  const text =
    value === null || value === undefined
      ? ""
      : typeof value === "object"
        ? JSON.stringify(value)
        : String(value);
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );
}

/** Lays rows out in columns, without trailing spaces. */
export function renderTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const lines = [
    columns.map(({ name }) => name),
    ...rows.map((row) => columns.map(({ value }) => showText(value(row)))),
  ];
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => line[index]?.length ?? 0)));
  return lines
    .map((line) =>
      line
        .map((cell, index) => pad(cell, widths[index] ?? 0, columns[index]?.align))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function pad(cell: string, width: number, align: "right" | undefined): string {
  return align === "right" ? cell.padStart(width) : cell.padEnd(width);
}
