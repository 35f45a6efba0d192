import { type ColumnDef, tableFeatures, useTable } from "@tanstack/react-table";
import { type ReactNode, useMemo } from "react";

const features = tableFeatures({});

/** A column: `id`, `header`, and `cell` which shows one row. `isNumber` puts it to the right. */
export interface Column<Row> {
  readonly id: string;
  readonly header: string;
  readonly cell: (row: Row) => ReactNode;
  readonly isNumber?: boolean;
}

/**
 * Rows under a caption. `columns` and `rows` should stay the same objects while nothing changes. On a narrow screen the
 * table scrolls in its own frame, which the keyboard reaches.
 */
export function DataTable<Row extends object>({
  caption,
  columns,
  rows,
  rowId,
  empty,
}: {
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly rowId: (row: Row) => string;
  /** Shown instead when there is no row. */
  readonly empty: ReactNode;
}) {
  // A cell is a component: were it another one each time, what is in it would lose its state.
  const definitions = useMemo(
    () =>
      columns.map(
        ({ id, header, cell }): ColumnDef<typeof features, Row> => ({
          id,
          header,
          cell: ({ row }) => cell(row.original),
        }),
      ),
    [columns],
  );
  const table = useTable({ features, data: rows, getRowId: rowId, columns: definitions });
  if (rows.length === 0) return empty;
  const isNumber = new Set(columns.filter((column) => column.isNumber).map(({ id }) => id));
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section className="relative overflow-x-auto" aria-label={caption} tabIndex={0}>
      <table className="w-full border-collapse text-left">
        <caption className="sr-only">{caption}</caption>
        <thead>
          {table.getHeaderGroups().map((group) => (
            <tr key={group.id} className="border-line border-b text-muted text-xs">
              {group.headers.map((header) => (
                <th key={header.id} scope="col" className={cellClass(isNumber.has(header.id))}>
                  <table.FlexRender header={header} />
                </th>
              ))}
            </tr>
          ))}
        </thead>
        <tbody>
          {table.getRowModel().rows.map((row) => (
            <tr key={row.id} className="border-line border-b last:border-b-0 hover:bg-raised">
              {row.getAllCells().map((cell) => (
                <td key={cell.id} className={cellClass(isNumber.has(cell.column.id))}>
                  <table.FlexRender cell={cell} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function cellClass(isNumber: boolean): string {
  return `px-4 py-2 align-top ${isNumber ? "text-right tabular-nums" : "min-w-24"}`;
}
