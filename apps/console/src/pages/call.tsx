import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { api } from "../api.ts";
import { BrakeButton } from "../brake.tsx";
import { BudgetsCard } from "../call/budgets-card.tsx";
import { DecisionCard } from "../call/decision-card.tsx";
import { MoneyCard } from "../call/money-card.tsx";
import { ProofCard } from "../call/proof-card.tsx";
import { VendorCard } from "../call/vendor-card.tsx";
import { WhoCard } from "../call/who-card.tsx";
import { useLiveCalls } from "../live.tsx";
import { Page } from "../ui/page.tsx";
import { ErrorState, LoadingState } from "../ui/states.tsx";

/** How often a call is read again while more may become known of it. */
const REREAD_MS = 3_000;

/** One call, with everything that is known about why it was decided so, what it counted, and what proves it. */
export function CallPage() {
  const { id = "" } = useParams({ strict: false });
  const queryKey = ["call-evidence", id];
  const client = useQueryClient();
  const { data, error, isPending, refetch } = useQuery({
    queryKey,
    queryFn: () => api.calls.evidence(id),
    // The proof of a decision comes a moment later, without an event.
    refetchInterval: ({ state }) =>
      state.data !== undefined && state.data.chain.length === 0 ? REREAD_MS : false,
  });
  useLiveCalls((call) => {
    if (call.id === id) void client.invalidateQueries({ queryKey });
  });
  if (isPending)
    return (
      <Page title="Call">
        <LoadingState label="Reading the call and its proof" />
      </Page>
    );
  if (data === undefined)
    return (
      <Page title="Call">
        <ErrorState error={error} onRetry={() => void refetch()} />
      </Page>
    );
  const { call } = data;
  const keyId = call.vault_key_id;
  return (
    <Page
      title={`${call.method} ${call.path}`}
      actions={
        keyId === null ? undefined : (
          <BrakeButton target={{ scope: "key", value: keyId }}>Stop this key</BrakeButton>
        )
      }
    >
      {error === null ? null : <ErrorState error={error} onRetry={() => void refetch()} />}
      <div className="grid items-start gap-4 xl:grid-cols-2">
        <DecisionCard call={call} />
        <WhoCard call={call} />
        <MoneyCard evidence={data} />
        <VendorCard call={call} dashboardUrl={data.dashboard_url} />
      </div>
      <BudgetsCard call={call} budgets={data.budgets} />
      <ProofCard chain={data.chain} />
    </Page>
  );
}
