import { Link } from "@tanstack/react-router";
import { CALL_COLUMNS } from "../calls/call-columns.tsx";
import { DataTable } from "../ui/data-table.tsx";
import { EmptyState } from "../ui/states.tsx";
import { LoadedCard } from "./loaded-card.tsx";
import { useUnknownCalls } from "./unknown-calls.ts";

const COLUMNS = CALL_COLUMNS.filter(({ id }) => id !== "outcome" && id !== "status");

/** The calls of which nobody knows whether they took effect. */
export function UnknownCard() {
  return (
    <LoadedCard
      title="Unknown outcome"
      actions={
        <Link to="/calls" search={{ state: "unknown" }} className="text-accent hover:underline">
          All of them
        </Link>
      }
      query={useUnknownCalls()}
    >
      {({ data }) => (
        <DataTable
          caption="The latest calls of unknown outcome"
          columns={COLUMNS}
          rows={data.slice(0, 5)}
          rowId={({ id }) => id}
          empty={
            <EmptyState title="Every call has an outcome.">
              One that was sent and got no whole answer would be here; its worst case stays on the budget.
            </EmptyState>
          }
        />
      )}
    </LoadedCard>
  );
}
