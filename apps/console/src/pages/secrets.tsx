import type { Secret } from "@keybrake/client";
import { Link } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { api } from "../api.ts";
import { DeleteSecret, NewSecretForm, PaceForm, RotateForm } from "../secrets/secret-forms.tsx";
import type { Column } from "../ui/data-table.tsx";
import { GuardedButton } from "../ui/guarded-button.tsx";
import { Card, Page } from "../ui/page.tsx";
import { PagedTable, usePagedList } from "../ui/paged-list.tsx";
import { EmptyState } from "../ui/states.tsx";
import { Badge, Code, Count, Instant, Nothing } from "../ui/values.tsx";

/** What is done, and to which secret. */
type Doing =
  | { readonly what: "add" }
  | { readonly what: "rotate" | "pace" | "delete"; readonly secret: Secret };

/** The vendors' real credentials, by name: values go in and never come out. */
export function SecretsPage() {
  const [doing, setDoing] = useState<Doing | null>(null);
  const list = usePagedList(["secrets", "list"], (cursor) => api.secrets.list({ cursor }));
  const columns = useMemo(() => listColumns(setDoing), []);
  const close = () => setDoing(null);
  return (
    <Page
      title="Secrets"
      actions={
        <GuardedButton needs="admin" tone="primary" onClick={() => setDoing({ what: "add" })}>
          Add a secret
        </GuardedButton>
      }
    >
      <Card title="Stored credentials">
        <PagedTable
          caption="Secrets"
          list={list}
          columns={columns}
          rowId={({ id }) => id}
          empty={
            <EmptyState title="No secret is stored.">
              Add a vendor's credential: vault keys stand for it, and agents never see it.
            </EmptyState>
          }
        />
      </Card>
      {doing?.what === "add" ? <NewSecretForm onClose={close} /> : null}
      {doing?.what === "rotate" ? <RotateForm secret={doing.secret} onClose={close} /> : null}
      {doing?.what === "pace" ? <PaceForm secret={doing.secret} onClose={close} /> : null}
      {doing?.what === "delete" ? <DeleteSecret secret={doing.secret} onClose={close} /> : null}
    </Page>
  );
}

function listColumns(onDo: (doing: Doing) => void): readonly Column<Secret>[] {
  return [
    {
      id: "name",
      header: "Name",
      cell: ({ name, vendor }) => (
        <div className="flex flex-col items-start gap-0.5">
          <Link to="/keys" search={{ secret: name }} className="font-medium text-accent hover:underline">
            {name}
          </Link>
          <span className="text-muted text-xs">{vendor}</span>
        </div>
      ),
    },
    {
      id: "mode",
      header: "Moves",
      cell: ({ mode }) => <Badge tone={mode === "live" ? "warn" : "plain"}>{mode}</Badge>,
    },
    {
      id: "account",
      header: "Account",
      cell: ({ account_id }) => (account_id === null ? <Nothing /> : <Code>{account_id}</Code>),
    },
    { id: "version", header: "Version", isNumber: true, cell: ({ version }) => version },
    { id: "rotated", header: "Rotated", cell: ({ rotated_at }) => <Instant at={rotated_at} /> },
    {
      id: "pace",
      header: "Requests a second",
      isNumber: true,
      cell: ({ effective_requests_per_second: pace, requests_per_second: own }) =>
        pace === null ? (
          "no limit"
        ) : (
          <span>
            <Count value={pace} /> {own === null ? <span className="text-muted">(default)</span> : null}
          </span>
        ),
    },
    {
      id: "actions",
      header: "Change",
      cell: (secret) => (
        <div className="flex gap-2">
          {(["rotate", "pace", "delete"] as const).map((what) => (
            <GuardedButton
              key={what}
              needs="admin"
              aria-label={`${ACTIONS[what]} ${secret.name}`}
              onClick={() => onDo({ what, secret })}
            >
              {ACTIONS[what]}
            </GuardedButton>
          ))}
        </div>
      ),
    },
  ];
}

const ACTIONS = { rotate: "Rotate", pace: "Pace", delete: "Erase" } as const;
