import type { AdminToken, CreateAdminToken } from "@keybrake/client";
import { useMemo, useState } from "react";
import { api } from "../api.ts";
import { Confirm } from "../ui/confirm.tsx";
import type { Column } from "../ui/data-table.tsx";
import { SelectField, TextField } from "../ui/field.tsx";
import { FormModal } from "../ui/form-modal.tsx";
import { GuardedButton } from "../ui/guarded-button.tsx";
import { Card } from "../ui/page.tsx";
import { PagedTable, usePagedList } from "../ui/paged-list.tsx";
import { ShownOnce } from "../ui/shown-once.tsx";
import { EmptyState } from "../ui/states.tsx";
import { Badge, Instant } from "../ui/values.tsx";

const ROLES: Readonly<Record<AdminToken["role"], string>> = {
  auditor: "auditor: looks",
  operator: "operator: also revokes and stops",
  admin: "admin: does everything",
};

/** Who may use the control plane. The bootstrap token is the server's own and not among them. */
export function AdminTokens() {
  const [isCreating, setCreating] = useState(false);
  const [revoked, setRevoked] = useState<AdminToken | null>(null);
  const [secret, setSecret] = useState<{ readonly name: string; readonly value: string } | null>(null);
  const list = usePagedList(["admin-tokens"], (cursor) => api.adminTokens.list({ cursor }));
  const columns = useMemo(() => listColumns(setRevoked), []);
  return (
    <Card
      title="Admin tokens"
      actions={
        <GuardedButton needs="admin" tone="primary" onClick={() => setCreating(true)}>
          New token
        </GuardedButton>
      }
    >
      {secret === null ? null : (
        <div className="p-4">
          <ShownOnce what={`token of ${secret.name}`} value={secret.value} />
        </div>
      )}
      <PagedTable
        caption="List of admin tokens"
        list={list}
        columns={columns}
        rowId={({ id }) => id}
        empty={
          <EmptyState title="There is only the bootstrap token.">
            Give each person and program a token of its own, with the least role that does: what they do
            stands in the audit trail by its name.
          </EmptyState>
        }
      />
      {isCreating ? (
        <TokenForm
          onSecret={(name, value) => setSecret({ name, value })}
          onClose={() => setCreating(false)}
        />
      ) : null}
      {revoked === null ? null : (
        <Confirm
          title={`Revoke ${revoked.name}?`}
          verb="Revoke the token"
          act={() => api.adminTokens.revoke(revoked.id)}
          onClose={() => setRevoked(null)}
        >
          <p>It opens nothing any more, and the sessions that were opened with it end. This is for good.</p>
        </Confirm>
      )}
    </Card>
  );
}

function TokenForm({
  onSecret,
  onClose,
}: {
  readonly onSecret: (name: string, value: string) => void;
  readonly onClose: () => void;
}) {
  const [name, setName] = useState("");
  const [role, setRole] = useState<string>("auditor");
  const [expiresIn, setExpiresIn] = useState("");
  const submit = async () => {
    const created = await api.adminTokens.create({
      name: name.trim(),
      role: role as CreateAdminToken["role"],
      ...(expiresIn.trim() === "" ? {} : { expires_in: expiresIn.trim() }),
    });
    onSecret(created.name, created.token);
  };
  return (
    <FormModal
      title="New admin token"
      verb="Create the token"
      isReady={name.trim() !== ""}
      submit={submit}
      onClose={onClose}
    >
      {(problems) => (
        <>
          <TextField
            label="Name"
            hint="of the person or the program; it stands in the audit trail"
            value={name}
            onChange={setName}
            error={problems["name"]}
            autoComplete="off"
            required
          />
          <SelectField label="Role" value={role} onChange={setRole} error={problems["role"]}>
            {Object.entries(ROLES).map(([value, text]) => (
              <option key={value} value={value}>
                {text}
              </option>
            ))}
          </SelectField>
          <TextField
            label="Expires in"
            hint="8h, 30d; empty = until it is revoked"
            value={expiresIn}
            onChange={setExpiresIn}
            error={problems["expires_in"]}
          />
        </>
      )}
    </FormModal>
  );
}

function listColumns(onRevoke: (token: AdminToken) => void): readonly Column<AdminToken>[] {
  return [
    { id: "name", header: "Name", cell: ({ name }) => <span className="font-medium">{name}</span> },
    { id: "role", header: "Role", cell: ({ role }) => <Badge>{role}</Badge> },
    { id: "created", header: "Created", cell: ({ created_at }) => <Instant at={created_at} /> },
    { id: "expires", header: "Expires", cell: ({ expires_at }) => <Instant at={expires_at} /> },
    {
      id: "actions",
      header: "Revoked",
      cell: (token) =>
        token.revoked_at === null ? (
          <GuardedButton needs="admin" aria-label={`Revoke ${token.name}`} onClick={() => onRevoke(token)}>
            Revoke
          </GuardedButton>
        ) : (
          <Instant at={token.revoked_at} />
        ),
    },
  ];
}
