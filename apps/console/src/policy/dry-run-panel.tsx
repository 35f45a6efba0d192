import type { DryRun, DryRunSample } from "@keybrake/client";
import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { api } from "../api.ts";
import { Button } from "../ui/button.tsx";
import { type Column, DataTable } from "../ui/data-table.tsx";
import { SelectField } from "../ui/field.tsx";
import { describeError } from "../ui/states.tsx";
import { Badge, Code, Instant, Usd } from "../ui/values.tsx";
import { type PolicyDraft, toPolicy } from "./draft.ts";

const DAY_MS = 86_400_000;
const SPANS = [
  ["1", "last day"],
  ["7", "last 7 days"],
  ["30", "last 30 days"],
] as const;

interface Asked {
  readonly draft: PolicyDraft;
  readonly days: string;
}

/**
 * Judges the key's recorded calls by a policy that is not in force. `onProblems` gets what the server finds wrong with the
 * policy itself, so that it stands at the fields.
 */
export function DryRunPanel({
  vaultKeyId,
  draft,
  isDraft,
  onError,
}: {
  readonly vaultKeyId: string;
  readonly draft: PolicyDraft;
  /** False while the text is no policy. */
  readonly isDraft: boolean;
  readonly onError: (error: Error | null) => void;
}) {
  const [days, setDays] = useState("7");
  const run = useMutation({
    mutationFn: (asked: Asked) =>
      api.policies.dryRun({
        policy: toPolicy(asked.draft),
        vault_key_id: vaultKeyId,
        from: new Date(Date.now() - Number(asked.days) * DAY_MS).toISOString(),
      }),
    onSuccess: () => onError(null),
    onError,
  });
  const asked = run.variables;
  return (
    <section aria-label="Dry run" className="flex flex-col gap-3 rounded-md border border-line p-4">
      <div className="flex flex-wrap items-end gap-3">
        <SelectField label="Recorded calls of the" value={days} onChange={setDays}>
          {SPANS.map(([value, title]) => (
            <option key={value} value={value}>
              {title}
            </option>
          ))}
        </SelectField>
        <Button isBusy={run.isPending} disabled={!isDraft} onClick={() => run.mutate({ draft, days })}>
          Try it on recorded calls
        </Button>
        <p className="text-muted text-xs">Nothing is changed and nothing is sent.</p>
      </div>
      <div aria-live="polite" className="flex flex-col gap-3">
        {run.error === null ? null : (
          <p role="alert" className="text-bad">
            {describeError(run.error)}
          </p>
        )}
        {run.data === undefined || asked === undefined ? null : (
          <>
            {asked.draft === draft ? null : (
              <p className="text-warn">The policy was changed since: try it again.</p>
            )}
            <Result result={run.data} span={SPANS.find(([value]) => value === asked.days)?.[1] ?? ""} />
          </>
        )}
      </div>
    </section>
  );
}

function Result({ result, span }: { readonly result: DryRun; readonly span: string }) {
  const { calls, would_deny, would_allow, undecidable, truncated, by_reason, samples, notes } = result;
  return (
    <>
      <p className="font-medium">
        It would have denied {format(would_deny)} of {format(calls)} {calls === 1 ? "call" : "calls"} of the{" "}
        {span}.
      </p>
      <p>
        {format(would_allow)} that {would_allow === 1 ? "was" : "were"} refused would have passed
        {undecidable === 0 ? "." : `; of ${format(undecidable)} what is recorded does not tell.`}
      </p>
      {truncated ? (
        <p className="text-warn">
          There were more calls than one dry run reads: it ends at <Instant at={result.to} />.
        </p>
      ) : null}
      {by_reason.length === 0 ? null : (
        <ul aria-label="Reasons" className="flex flex-wrap gap-2">
          {by_reason.map(({ code, calls: count }) => (
            <li key={code}>
              <Badge tone="warn">
                {code} · {format(count)}
              </Badge>
            </li>
          ))}
        </ul>
      )}
      {samples.length === 0 ? null : (
        <DataTable
          caption="Calls that it would judge otherwise"
          columns={COLUMNS}
          rows={samples}
          rowId={({ call_id }) => call_id}
          empty={null}
        />
      )}
      {notes.length === 0 ? null : (
        <div>
          <h3 className="font-medium">What cannot be known</h3>
          <ul className="list-disc pl-5 text-muted">
            {notes.map((note) => (
              <li key={note}>{note}</li>
            ))}
          </ul>
        </div>
      )}
    </>
  );
}

function format(count: number): string {
  return count.toLocaleString("en-US");
}

const COLUMNS: readonly Column<DryRunSample>[] = [
  {
    id: "call",
    header: "Call",
    cell: (sample) => (
      <Link to="/calls/$id" params={{ id: sample.call_id }} className="text-accent hover:underline">
        <Code>{`${sample.method} ${sample.path}`}</Code>
      </Link>
    ),
  },
  { id: "at", header: "At", cell: (sample) => <Instant at={sample.requested_at} /> },
  { id: "cost", header: "Cost", isNumber: true, cell: (sample) => <Usd amount={sample.cost_usd} /> },
  { id: "was", header: "Was", cell: (sample) => tell(sample.was) },
  { id: "would", header: "Would be", cell: (sample) => tell(sample.would_be) },
  { id: "reason", header: "Why", cell: (sample) => sample.reason },
];

function tell({ verdict, code }: DryRunSample["was"]) {
  return <Badge tone={verdict === "allow" ? "good" : "warn"}>{code ?? verdict}</Badge>;
}
