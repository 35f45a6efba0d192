import { Link, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { CreatedKey } from "../keys/created-key.tsx";
import { useSecrets, useTemplates, useVaultKey } from "../keys/key-choices.ts";
import { type NewKey, NewKeyForm } from "../keys/new-key-form.tsx";
import { Page } from "../ui/page.tsx";
import { EmptyState, ErrorState, LoadingState } from "../ui/states.tsx";
import { Code } from "../ui/values.tsx";

/** The form for a new key; then, once, the key. `?parent_id=` makes it a child of that key. */
export function NewKeyPage() {
  const { parent_id: parentId } = useSearch({ strict: false }) as { readonly parent_id?: string };
  const [created, setCreated] = useState<NewKey | null>(null);
  return (
    <Page title={created === null ? (parentId === undefined ? "New key" : "New child key") : "Your new key"}>
      {created === null ? (
        <Choices key={parentId} parentId={parentId} onCreated={setCreated} />
      ) : (
        <CreatedKey id={created.id} setup={created.setup} />
      )}
    </Page>
  );
}

function Choices({
  parentId,
  onCreated,
}: {
  readonly parentId: string | undefined;
  readonly onCreated: (key: NewKey) => void;
}) {
  const secrets = useSecrets();
  const templates = useTemplates();
  const parentQuery = useVaultKey(parentId ?? null);
  const parent = parentId === undefined ? null : parentQuery.data;
  if (secrets.data === undefined || templates.data === undefined || parent === undefined) {
    const error = secrets.error ?? templates.error ?? parentQuery.error;
    return error === null ? <LoadingState /> : <ErrorState error={error} />;
  }
  if (secrets.data.length === 0)
    return (
      <EmptyState title="There is no secret yet.">
        A vault key stands for a real credential: <Link to="/secrets">store one</Link> first.
      </EmptyState>
    );
  return (
    <>
      {parent === null ? null : (
        <p>
          A child of{" "}
          <Link to="/keys/$id" params={{ id: parent.id }} className="text-accent underline">
            {parent.name ?? parent.agent_id}
          </Link>{" "}
          (<Code>{parent.redacted}</Code>): it may do no more than that key, its calls count in both, and it
          ends with it.
        </p>
      )}
      <NewKeyForm secrets={secrets.data} templates={templates.data} parent={parent} onCreated={onCreated} />
    </>
  );
}
