import type { HistoryGap } from "@keybrake/client";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../api.ts";
import { type Column, DataTable } from "../ui/data-table.tsx";
import { TextField } from "../ui/field.tsx";
import { FormModal } from "../ui/form-modal.tsx";
import { GuardedButton } from "../ui/guarded-button.tsx";
import { Card } from "../ui/page.tsx";
import { EmptyState, ErrorState, LoadingState } from "../ui/states.tsx";
import { Instant, Nothing } from "../ui/values.tsx";

/** Whether the database lacks what it had, and what was accepted of that before. */
export function LostHistory() {
  const history = useQuery({ queryKey: ["audit-history"], queryFn: () => api.audit.history() });
  const [isAccepting, setAccepting] = useState(false);
  const isLost = history.data?.is_lost === true;
  return (
    <Card
      title="Lost history"
      actions={
        isLost ? (
          <GuardedButton needs="admin" tone="danger" onClick={() => setAccepting(true)}>
            Accept the loss
          </GuardedButton>
        ) : undefined
      }
    >
      {isLost ? (
        <p role="alert" className="m-4 rounded-md border border-bad bg-bad-ground p-3 text-bad">
          The database lacks calls that were recorded. No call is allowed until somebody accepts that. Restore
          the newest backup first, if there is one.
        </p>
      ) : null}
      {history.isPending ? <LoadingState /> : null}
      {history.error === null ? null : (
        <ErrorState error={history.error} onRetry={() => void history.refetch()} />
      )}
      {history.data === undefined ? null : (
        <DataTable
          caption="Losses of history"
          columns={COLUMNS}
          rows={history.data.gaps}
          rowId={({ id }) => id}
          empty={<EmptyState title="Nothing was ever lost." />}
        />
      )}
      {isAccepting ? <AcceptForm onClose={() => setAccepting(false)} /> : null}
    </Card>
  );
}

function AcceptForm({ onClose }: { readonly onClose: () => void }) {
  const [reason, setReason] = useState("");
  return (
    <FormModal
      title="Go on without what was lost?"
      description="Calls are decided again. What the lost calls used of caps is not known any more. A signed marker says who accepted it, and why; it cannot be taken back."
      verb="Accept the loss"
      isReady={reason.trim() !== ""}
      submit={() => api.audit.acceptHistory({ reason: reason.trim() })}
      onClose={onClose}
    >
      {(problems) => (
        <TextField
          label="Reason"
          value={reason}
          onChange={setReason}
          error={problems["reason"]}
          maxLength={500}
          required
        />
      )}
    </FormModal>
  );
}

const COLUMNS: readonly Column<HistoryGap>[] = [
  { id: "found", header: "Found", cell: ({ found_at }) => <Instant at={found_at} /> },
  { id: "by", header: "By the replica", cell: ({ found_by }) => found_by },
  {
    id: "lost",
    header: "Newest link that is gone",
    cell: ({ lost }) => lost.map(({ epoch, seq }) => `epoch ${epoch}, link ${seq}`).join("; "),
  },
  {
    id: "accepted",
    header: "Accepted",
    cell: ({ accepted_at, accepted_by }) => (
      <>
        <Instant at={accepted_at} /> {accepted_by}
      </>
    ),
  },
  { id: "reason", header: "Reason", cell: ({ reason }) => reason ?? <Nothing /> },
];
