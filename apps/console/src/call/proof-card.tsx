import type { CallEvidence } from "@keybrake/client";
import { type Column, DataTable } from "../ui/data-table.tsx";
import { Card } from "../ui/page.tsx";
import { EmptyState } from "../ui/states.tsx";
import { Badge, Instant } from "../ui/values.tsx";

type ChainEntry = CallEvidence["chain"][number];

const KINDS = {
  decision: "what was decided",
  unknown: "that nobody knew the outcome",
  outcome: "what came of it",
} as const;

const COLUMNS: readonly Column<ChainEntry>[] = [
  { id: "kind", header: "Says", cell: ({ kind }) => KINDS[kind] },
  { id: "written", header: "Written", cell: ({ written_at }) => <Instant at={written_at} /> },
  {
    id: "link",
    header: "Link",
    isNumber: true,
    cell: ({ epoch, seq }) => `${epoch}/${seq}`,
  },
  { id: "verified", header: "Checked just now", cell: (entry) => <Verdict entry={entry} /> },
];

/** What the audit chain says of the call, recomputed for this page. */
export function ProofCard({ chain }: { readonly chain: CallEvidence["chain"] }) {
  return (
    <Card title="Proof in the audit chain">
      <DataTable
        caption="Links of the audit chain about this call"
        columns={COLUMNS}
        rows={chain}
        rowId={({ epoch, seq }) => `${epoch}/${seq}`}
        empty={
          <EmptyState title="No link yet.">The chain gets it within a moment after the call.</EmptyState>
        }
      />
    </Card>
  );
}

function Verdict({ entry }: { readonly entry: ChainEntry }) {
  if (!entry.verified) return <Badge tone="bad">does not fit</Badge>;
  if (entry.covers_row) return <Badge tone="good">fits the row</Badge>;
  return (
    <span className="flex flex-wrap items-center gap-2">
      <Badge tone="good">link fits</Badge>
      <span className="text-muted">the row says more by now</span>
    </span>
  );
}
