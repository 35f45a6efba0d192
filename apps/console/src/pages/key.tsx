import type { VaultKey, VaultKeyDetail } from "@keybrake/client";
import { Link, useParams } from "@tanstack/react-router";
import { api } from "../api.ts";
import { BrakeButton } from "../brake.tsx";
import { budgetColumns } from "../budgets/budget-table.tsx";
import { useVaultKey } from "../keys/key-choices.ts";
import { NewKeyLink } from "../keys/new-key-link.tsx";
import { PolicyCard } from "../keys/policy-card.tsx";
import { buttonClass } from "../ui/button.tsx";
import { type Column, DataTable } from "../ui/data-table.tsx";
import { Card, Facts, Page } from "../ui/page.tsx";
import { PagedTable, usePagedList } from "../ui/paged-list.tsx";
import { EmptyState, ErrorState, LoadingState } from "../ui/states.tsx";
import { Code, Instant, Nothing, StateBadge } from "../ui/values.tsx";

/** One vault key: what it is, what it has used, what it may do, and the keys below it. */
export function KeyPage() {
  const { id = "" } = useParams({ strict: false });
  const query = useVaultKey(id);
  if (query.data === undefined)
    return (
      <Page title="Vault key">
        {query.error === null ? (
          <LoadingState />
        ) : (
          <ErrorState error={query.error} onRetry={() => void query.refetch()} />
        )}
      </Page>
    );
  return <Loaded key={id} vaultKey={query.data} />;
}

function Loaded({ vaultKey }: { readonly vaultKey: VaultKeyDetail }) {
  const parent = useVaultKey(vaultKey.parent_id);
  const isLiving = vaultKey.status === "active" || vaultKey.status === "suspended";
  return (
    <Page
      title={vaultKey.name ?? vaultKey.agent_id}
      actions={
        <>
          <Link to="/calls" search={{ vault_key_id: vaultKey.id }} className={buttonClass()}>
            Its calls
          </Link>
          {isLiving ? <NewKeyLink parentId={vaultKey.id} /> : null}
          {isLiving ? (
            <BrakeButton target={{ scope: "key", value: vaultKey.id }}>Revoke this key</BrakeButton>
          ) : null}
        </>
      }
    >
      <Card title="Key">
        <KeyFacts vaultKey={vaultKey} parent={parent.data ?? null} />
      </Card>
      <Card title="Budgets that cover it">
        <DataTable
          caption="Budgets that cover this key"
          columns={BUDGET_COLUMNS}
          rows={vaultKey.budgets}
          rowId={({ id }) => id}
          empty={<EmptyState title="No budget covers this key: no cap holds it back." />}
        />
      </Card>
      <PolicyCard vaultKey={vaultKey} parent={parent.data?.policy} />
      <Children parentId={vaultKey.id} />
    </Page>
  );
}

function KeyFacts({
  vaultKey,
  parent,
}: {
  readonly vaultKey: VaultKeyDetail;
  readonly parent: VaultKeyDetail | null;
}) {
  return (
    <Facts
      facts={[
        [
          "Status",
          <span key="status">
            <StateBadge state={vaultKey.status} /> {vaultKey.status_reason}
          </span>,
        ],
        ["Label", <Code key="label">{vaultKey.redacted}</Code>],
        ["Agent", vaultKey.agent_id],
        [
          "Run",
          vaultKey.crew_run_id === null ? (
            <Nothing key="run" />
          ) : (
            <Link
              key="run"
              to="/runs/$crewRunId"
              params={{ crewRunId: vaultKey.crew_run_id }}
              className="text-accent underline"
            >
              {vaultKey.crew_run_id}
            </Link>
          ),
        ],
        ["Secret", `${vaultKey.secret} (${vaultKey.vendor})`],
        [
          "Parent",
          vaultKey.parent_id === null ? (
            <Nothing key="parent" />
          ) : (
            <Link
              key="parent"
              to="/keys/$id"
              params={{ id: vaultKey.parent_id }}
              className="text-accent underline"
            >
              {parent?.name ?? parent?.redacted ?? vaultKey.parent_id}
            </Link>
          ),
        ],
        ["Created", <Instant key="created" at={vaultKey.created_at} />],
        ["Expires", <Instant key="expires" at={vaultKey.expires_at} />],
        ["Revoked", <Instant key="revoked" at={vaultKey.revoked_at} />],
        ["Version of the policy", vaultKey.policy_version],
        ["Id", <Code key="id">{vaultKey.id}</Code>],
      ]}
    />
  );
}

function Children({ parentId }: { readonly parentId: string }) {
  const list = usePagedList(["vault-keys", "children", parentId], (cursor) =>
    api.vaultKeys.list({ parent_id: parentId, cursor }),
  );
  return (
    <Card title="Child keys">
      <PagedTable
        caption="Child keys"
        list={list}
        columns={CHILD_COLUMNS}
        rowId={({ id }) => id}
        empty={
          <EmptyState title="This key has no child.">
            A child key is at most as wide as this one, and ends with it: for a sub-agent, or for one task.
          </EmptyState>
        }
      />
    </Card>
  );
}

const BUDGET_COLUMNS = budgetColumns();

const CHILD_COLUMNS: readonly Column<VaultKey>[] = [
  {
    id: "key",
    header: "Key",
    cell: (key) => (
      <Link to="/keys/$id" params={{ id: key.id }} className="text-accent underline">
        {key.name ?? key.redacted}
      </Link>
    ),
  },
  { id: "status", header: "Status", cell: (key) => <StateBadge state={key.status} /> },
  { id: "agent", header: "Agent", cell: (key) => key.agent_id },
  { id: "expires", header: "Expires", cell: (key) => <Instant at={key.expires_at} /> },
];
