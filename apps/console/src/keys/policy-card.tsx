import type { VaultKeyDetail } from "@keybrake/client";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../api.ts";
import { type Policy, type PolicyDraft, toPolicy } from "../policy/draft.ts";
import { DryRunPanel } from "../policy/dry-run-panel.tsx";
import { PolicyEditor, usePolicyEditing } from "../policy/policy-editor.tsx";
import { PolicyFacts } from "../policy/policy-facts.tsx";
import { Button } from "../ui/button.tsx";
import { GuardedButton } from "../ui/guarded-button.tsx";
import { Card } from "../ui/page.tsx";
import { MutationError, problemsByField } from "../ui/states.tsx";

/** A key's policy, to be read, and to be changed after it was tried on what the key did. */
export function PolicyCard({
  vaultKey,
  parent,
}: {
  readonly vaultKey: VaultKeyDetail;
  readonly parent: Policy | undefined;
}) {
  const [isEditing, setEditing] = useState(false);
  if (isEditing)
    return (
      <Card title="Change the policy">
        <Editor vaultKey={vaultKey} parent={parent} onClose={() => setEditing(false)} />
      </Card>
    );
  return (
    <Card
      title="Policy"
      actions={
        vaultKey.status === "revoked" ? undefined : (
          <GuardedButton needs="admin" onClick={() => setEditing(true)}>
            Change the policy
          </GuardedButton>
        )
      }
    >
      <PolicyFacts policy={vaultKey.policy} />
    </Card>
  );
}

function Editor({
  vaultKey,
  parent,
  onClose,
}: {
  readonly vaultKey: VaultKeyDetail;
  readonly parent: Policy | undefined;
  readonly onClose: () => void;
}) {
  const editing = usePolicyEditing(vaultKey.policy as unknown as PolicyDraft);
  const [dryRunError, setDryRunError] = useState<Error | null>(null);
  const client = useQueryClient();
  const save = useMutation({
    mutationFn: () => api.vaultKeys.update(vaultKey.id, { policy: toPolicy(editing.draft) }),
    onSuccess: async () => {
      await Promise.all(
        ["vault-keys", "budgets"].map((name) => client.invalidateQueries({ queryKey: [name] })),
      );
      onClose();
    },
  });
  const isDraft = editing.jsonError === undefined;
  return (
    <form
      className="flex flex-col gap-4 p-4"
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      <PolicyEditor editing={editing} problems={problemsByField(save.error ?? dryRunError)} parent={parent} />
      <DryRunPanel
        vaultKeyId={vaultKey.id}
        draft={editing.draft}
        isDraft={isDraft}
        onError={(error) => {
          save.reset();
          setDryRunError(error);
        }}
      />
      <p className="text-muted text-xs">
        Every call that is decided after saving obeys the new policy. An expiry counts anew from then, and a
        suspended key acts again.
      </p>
      <MutationError error={save.error} />
      <div className="flex flex-wrap justify-end gap-2">
        <Button onClick={onClose}>Cancel</Button>
        <GuardedButton needs="admin" type="submit" tone="primary" isBusy={save.isPending} disabled={!isDraft}>
          Save the policy
        </GuardedButton>
      </div>
    </form>
  );
}
