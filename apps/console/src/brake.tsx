import type { KillSwitch, VaultKey } from "@keybrake/client";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useState } from "react";
import { api } from "./api.ts";
import { useMay } from "./session.tsx";
import { Button } from "./ui/button.tsx";
import { SelectField, TextField } from "./ui/field.tsx";
import { FormModal } from "./ui/form-modal.tsx";
import { describeError } from "./ui/states.tsx";
import { Instant } from "./ui/values.tsx";

/** What is to be stopped. */
export type BrakeTarget =
  | { readonly scope: "all" }
  | { readonly scope: "agent" | "run" | "key"; readonly value: string };

const ALL: BrakeTarget = { scope: "all" };
const OpenBrake = createContext<(target: BrakeTarget) => void>(() => undefined);
const KEYS_SHOWN_MAX = 1_000;

/** Holds the dialog that stops agents, so that every page opens the same one. */
export function BrakeProvider({ children }: { readonly children: ReactNode }) {
  const [target, setTarget] = useState<BrakeTarget | null>(null);
  return (
    <OpenBrake value={setTarget}>
      {children}
      {target === null ? null : (
        <BrakeDialog target={target} onTarget={setTarget} onClose={() => setTarget(null)} />
      )}
    </OpenBrake>
  );
}

/** Opens the dialog: the first of two clicks. It is disabled for who may only read. */
export function BrakeButton({
  target = ALL,
  tone = "danger",
  children = "Stop agents",
}: {
  readonly target?: BrakeTarget;
  /** `plain` where it stands in every row of a list. */
  readonly tone?: "danger" | "plain";
  readonly children?: ReactNode;
}) {
  const open = useContext(OpenBrake);
  const may = useMay("operator");
  return (
    <Button
      tone={tone}
      disabled={!may}
      title={may ? undefined : "needs the role operator"}
      onClick={() => open(target)}
    >
      {children}
    </Button>
  );
}

export function useKillSwitch() {
  return useQuery({ queryKey: ["kill-switch"], queryFn: () => api.killSwitch.get() });
}

/** On every page while the kill switch is engaged. */
export function KillSwitchBanner() {
  const { data } = useKillSwitch();
  const client = useQueryClient();
  const may = useMay("operator");
  const release = useMutation({
    mutationFn: () => api.killSwitch.set({ engaged: false }),
    onSuccess: (state) => client.setQueryData(["kill-switch"], state),
  });
  if (data === undefined || !data.engaged) return null;
  return (
    <div role="alert" className="flex flex-wrap items-center gap-3 bg-brake px-4 py-2 text-white">
      <strong>Everything is stopped.</strong>
      <span>
        <Reason state={data} /> since <Instant at={data.changed_at} />
      </span>
      {may ? (
        <Button isBusy={release.isPending} onClick={() => release.mutate()}>
          Release
        </Button>
      ) : null}
      {release.error === null ? null : <span>{describeError(release.error)}</span>}
    </div>
  );
}

function Reason({ state }: { readonly state: KillSwitch }) {
  return state.reason === null || state.reason === "" ? "No reason was given;" : `“${state.reason}”,`;
}

function BrakeDialog({
  target,
  onTarget,
  onClose,
}: {
  readonly target: BrakeTarget;
  readonly onTarget: (target: BrakeTarget) => void;
  readonly onClose: () => void;
}) {
  const [reason, setReason] = useState("");
  const keys = useQuery({
    queryKey: ["vault-keys", "active"],
    queryFn: () => api.vaultKeys.list({ status: "active", limit: KEYS_SHOWN_MAX }),
  });
  const active = keys.data?.data ?? [];
  const stopped = active.filter((key) => isStopped(key, target));
  return (
    <FormModal
      title="Stop agents"
      description={explain(target)}
      verb={target.scope === "all" ? "Stop everything" : "Revoke for good"}
      tone="danger"
      isReady={!isEmpty(target)}
      submit={() => pull(target, reason)}
      onClose={onClose}
    >
      {() => (
        <>
          <TargetFields target={target} keys={active} onTarget={onTarget} />
          <p aria-live="polite" className="rounded-md bg-raised p-3">
            {keys.isPending ? "Counting what stops…" : tellStopped(stopped, keys.data?.next_cursor != null)}
          </p>
          <TextField
            label="Reason"
            hint="Stands in the audit trail"
            value={reason}
            onChange={setReason}
            maxLength={500}
          />
        </>
      )}
    </FormModal>
  );
}

function TargetFields({
  target,
  keys,
  onTarget,
}: {
  readonly target: BrakeTarget;
  readonly keys: readonly VaultKey[];
  readonly onTarget: (target: BrakeTarget) => void;
}) {
  const choose = (scope: string) =>
    onTarget(scope === "all" ? ALL : { scope: scope as "agent" | "run" | "key", value: "" });
  return (
    <div className="grid gap-3 sm:grid-cols-2">
      <SelectField label="What" value={target.scope} onChange={choose}>
        <option value="all">Everything</option>
        <option value="agent">One agent</option>
        <option value="run">One run</option>
        <option value="key">One key</option>
      </SelectField>
      {target.scope === "all" ? null : (
        <SelectField
          label="Which"
          value={target.value}
          onChange={(value) => onTarget({ scope: target.scope, value })}
        >
          <option value="">Choose…</option>
          {listChoices(keys, target).map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </SelectField>
      )}
    </div>
  );
}

/** The choices of a scope; what a page asked for is among them even when no active key has it. */
function listChoices(
  keys: readonly VaultKey[],
  target: Exclude<BrakeTarget, { scope: "all" }>,
): readonly (readonly [value: string, label: string])[] {
  const choices = new Map<string, string>();
  if (target.value !== "") choices.set(target.value, target.value);
  for (const key of keys) {
    if (target.scope === "key") choices.set(key.id, `${key.name ?? key.agent_id} · ${key.redacted}`);
    const name = target.scope === "agent" ? key.agent_id : target.scope === "run" ? key.crew_run_id : null;
    if (name !== null) choices.set(name, name);
  }
  return [...choices];
}

function isStopped(key: VaultKey, target: BrakeTarget): boolean {
  switch (target.scope) {
    case "all":
      return true;
    case "agent":
      return key.agent_id === target.value;
    case "run":
      return key.crew_run_id === target.value;
    case "key":
      return key.id === target.value;
  }
}

function isEmpty(target: BrakeTarget): boolean {
  return target.scope !== "all" && target.value === "";
}

function explain(target: BrakeTarget): string {
  return target.scope === "all"
    ? "The kill switch: no call of any key is allowed until it is released. Keys stay as they are. Calls that a vendor has already got are finished and recorded."
    : "The keys are revoked for good; an agent that shall go on needs a new one. Calls that a vendor has already got are finished and recorded.";
}

function tellStopped(keys: readonly VaultKey[], hasMore: boolean): string {
  const agents = [...new Set(keys.map(({ agent_id }) => agent_id))];
  const more = hasMore ? " or more" : "";
  if (keys.length === 0) return "No active key is concerned.";
  const names = agents.slice(0, 5).join(", ") + (agents.length > 5 ? " and others" : "");
  return `This stops ${keys.length}${more} active ${keys.length === 1 ? "key" : "keys"}: ${names}.`;
}

async function pull(target: BrakeTarget, text: string): Promise<void> {
  const reason = text.trim() === "" ? {} : { reason: text.trim() };
  switch (target.scope) {
    case "all":
      await api.killSwitch.set({ engaged: true, ...reason });
      return;
    case "agent":
      await api.agents.revoke(target.value, reason);
      return;
    case "run":
      await api.runs.revoke(target.value, reason);
      return;
    case "key":
      await api.vaultKeys.revoke(target.value, reason);
  }
}
