import type { PolicyTemplateEntry, Secret, VaultKeyDetail } from "@keybrake/client";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../api.ts";
import { draftFor, type PolicyDraft, toPolicy } from "../policy/draft.ts";
import { PolicyEditor, usePolicyEditing } from "../policy/policy-editor.tsx";
import { SelectField, TextField } from "../ui/field.tsx";
import { GuardedButton } from "../ui/guarded-button.tsx";
import { Card } from "../ui/page.tsx";
import { MutationError, problemsByField } from "../ui/states.tsx";
import type { AgentSetup } from "./agent-lines.ts";

/** What was created, for the page that shows it once. */
export interface NewKey {
  readonly id: string;
  readonly setup: AgentSetup;
}

/** Asks for everything that a vault key is made of. With `parent` the key becomes its child, at most as wide. */
export function NewKeyForm({
  secrets,
  templates,
  parent,
  onCreated,
}: {
  readonly secrets: readonly Secret[];
  readonly templates: readonly PolicyTemplateEntry[];
  readonly parent: VaultKeyDetail | null;
  readonly onCreated: (key: NewKey) => void;
}) {
  const [agentId, setAgentId] = useState(parent?.agent_id ?? "");
  const [crewRunId, setCrewRunId] = useState(parent?.crew_run_id ?? "");
  const [name, setName] = useState("");
  const [secretName, setSecretName] = useState(
    parent?.secret ?? (secrets.length === 1 ? (secrets[0]?.name ?? "") : ""),
  );
  const [template, setTemplate] = useState("");
  const secret = secrets.find((entry) => entry.name === secretName);
  const editing = usePolicyEditing(
    parent === null ? { vendor: secret?.vendor ?? "stripe" } : startChildPolicy(parent),
  );
  const client = useQueryClient();
  const create = useMutation({
    // The key goes to the page that shows it; the answer of a mutation would be kept.
    mutationFn: async () => {
      const created = await api.vaultKeys.create({
        agent_id: agentId.trim(),
        policy: toPolicy(editing.draft),
        ...(parent === null ? { secret: secretName } : { parent_id: parent.id }),
        ...(crewRunId.trim() === "" ? {} : { crew_run_id: crewRunId.trim() }),
        ...(name.trim() === "" ? {} : { name: name.trim() }),
      });
      const { data: active } = await api.vaultKeys
        .list({ agent_id: created.agent_id, status: "active", limit: 1_000 })
        .catch(() => ({ data: [] }));
      onCreated({
        id: created.id,
        setup: {
          agentId: created.agent_id,
          crewRunId: created.crew_run_id,
          vendor: created.vendor,
          vendors: active.map(({ vendor }) => vendor),
          vaultKey: created.vault_key,
          baseUrl: created.base_url,
          accountId: secret?.account_id ?? null,
        },
      });
    },
    onSuccess: () => client.invalidateQueries({ queryKey: ["vault-keys"] }),
  });
  const problems = problemsByField(create.error);
  const chooseSecret = (next: string) => {
    setSecretName(next);
    const vendor = secrets.find((entry) => entry.name === next)?.vendor;
    if (vendor !== undefined) editing.setDraft(draftFor(editing.draft, vendor));
  };
  const chooseTemplate = (next: string) => {
    setTemplate(next);
    const chosen = templates.find((entry) => entry.name === next);
    if (chosen === undefined) return;
    if (secret?.vendor !== chosen.vendor)
      setSecretName(secrets.find(({ vendor }) => vendor === chosen.vendor)?.name ?? "");
    if (agentId === "") setAgentId(chosen.agent_id);
    editing.setDraft(chosen.policy as PolicyDraft);
  };
  return (
    <form
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        create.mutate();
      }}
    >
      <Card title={parent === null ? "Who and what for" : "The child key"}>
        <div className="grid items-start gap-4 p-4 sm:grid-cols-2 xl:grid-cols-3">
          {parent === null ? (
            <SelectField
              label="Start from a template"
              value={template}
              onChange={chooseTemplate}
              hint={
                templates.find((entry) => entry.name === template)?.description ?? "or write your own below"
              }
            >
              <option value="">none</option>
              {templates.map((entry) => (
                <option key={entry.name} value={entry.name}>
                  {entry.title}
                </option>
              ))}
            </SelectField>
          ) : null}
          <TextField
            label="Agent"
            hint="such as billing_agent: its calls are booked on this name"
            value={agentId}
            onChange={setAgentId}
            error={problems["agent_id"]}
            autoComplete="off"
            required
          />
          <SelectField
            label="Secret"
            hint={parent === null ? "the real credential behind the key; it says the vendor" : "its parent's"}
            value={secretName}
            onChange={chooseSecret}
            error={problems["secret"]}
            disabled={parent !== null}
            required
          >
            {parent === null ? <option value="">choose…</option> : null}
            {secrets.map((entry) => (
              <option key={entry.name} value={entry.name}>
                {entry.name} · {entry.vendor} · {entry.mode}
              </option>
            ))}
          </SelectField>
          <TextField
            label="Run"
            hint="optional: the crew run that the key is for"
            value={crewRunId}
            onChange={setCrewRunId}
            error={problems["crew_run_id"]}
            autoComplete="off"
          />
          <TextField
            label="Name"
            hint="optional: what people call the key"
            value={name}
            onChange={setName}
            error={problems["name"]}
            autoComplete="off"
          />
        </div>
      </Card>
      <Card title="Policy">
        <div className="p-4">
          <PolicyEditor editing={editing} problems={problems} parent={parent?.policy} />
        </div>
      </Card>
      <MutationError error={create.error} />
      <div>
        <GuardedButton
          needs="admin"
          type="submit"
          tone="primary"
          isBusy={create.isPending}
          disabled={agentId.trim() === "" || secretName === "" || editing.jsonError !== undefined}
        >
          {parent === null ? "Create the key" : "Create the child key"}
        </GuardedButton>
      </div>
    </form>
  );
}

/** A child starts as wide as its parent may be: what it shall not do is then taken away. */
function startChildPolicy({ policy }: VaultKeyDetail): PolicyDraft {
  const { expires_in: _, expires_at: __, ...rest } = policy;
  return rest;
}
