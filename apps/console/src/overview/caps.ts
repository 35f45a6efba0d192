import type { Budget, Page, VaultKey } from "@keybrake/client";
import { useQuery } from "@tanstack/react-query";
import { api } from "../api.ts";
import { describeScope } from "../budget-words.ts";

/** From this share of its limit on, a cap is close. */
const CLOSE_SHARE = 0.8;
/** A millionth of a cap: less than any call costs. */
const ANYTHING_PERCENT = 0.0001;
/** As many as one page has: of each kind of cap, and of active keys. */
const READ_MAX = 1_000;

/** A cap in one kind of money, as far as it is used in its present window. Amounts are exact texts. */
export interface Cap {
  readonly id: string;
  readonly name: string;
  /** The agent whose calls it bounds and no other's; null when it bounds several. */
  readonly agentId: string | null;
  /** The key whose policy has it; null for a budget over many keys. */
  readonly vaultKeyId: string | null;
  readonly window: Budget["window"];
  readonly unit: Budget["unit"];
  readonly used: string;
  readonly reserved: string;
  readonly limit: string;
  readonly isTest: boolean;
  /** What is used of the limit, from 0; only to compare and to draw with. */
  readonly share: number;
}

/** The caps of which anything is used and that can stop a call now, the most used first; of keys those that are active. */
export function useCaps() {
  const query = { min_used_percent: ANYTHING_PERCENT, limit: READ_MAX };
  const keys = useQuery({
    queryKey: ["vault-keys", "caps"],
    queryFn: () => api.vaultKeys.list({ status: "active", limit: READ_MAX }),
  });
  const budgets = useQuery({
    queryKey: ["budgets", "caps"],
    queryFn: () => Promise.all([api.budgets.list(query), api.budgets.list({ ...query, scope: "vault_key" })]),
  });
  return {
    data: keys.data && budgets.data && toCaps(keys.data, ...budgets.data),
    error: keys.error ?? budgets.error,
    refetch: () => Promise.all([keys.refetch(), budgets.refetch()]),
  };
}

function toCaps(keys: Page<VaultKey>, shared: Page<Budget>, ofKeys: Page<Budget>) {
  const byId = new Map(keys.data.map((key) => [key.id, key]));
  const caps = [
    ...shared.data.flatMap(toSharedCaps),
    ...ofKeys.data.flatMap((budget) => toKeyCap(budget, byId.get(budget.value ?? ""))),
  ];
  return {
    caps: caps.sort((one, other) => other.share - one.share),
    isComplete: [keys, shared, ofKeys].every((page) => page.next_cursor === null),
  };
}

/** Whether the cap may soon stop calls, or does. */
export function isClose({ share }: Cap): boolean {
  return share >= CLOSE_SHARE;
}

/** Live and test credentials fill windows of their own. */
function toSharedCaps(budget: Budget): readonly Cap[] {
  const { id, window, unit, limit, test } = budget;
  const name = describeScope(budget);
  const agentId = budget.scope === "agent_id" ? budget.value : null;
  const base = { name, agentId, vaultKeyId: null, window, unit, limit };
  const live = { ...base, id, used: budget.used, reserved: budget.reserved, isTest: false };
  const tested =
    test === null
      ? []
      : [{ ...base, id: `${id} test`, used: test.used, reserved: test.reserved, isTest: true }];
  return [live, ...tested].map((cap) => ({ ...cap, share: shareOf(cap) }));
}

function toKeyCap(budget: Budget, key: VaultKey | undefined): readonly Cap[] {
  // The cap of a key that has ended stops nothing any more.
  if (key === undefined) return [];
  const { id, window, unit, limit, used, reserved } = budget;
  const name = `key ${key.name ?? key.redacted}`;
  const cap = { id, name, agentId: key.agent_id, vaultKeyId: key.id, window, unit, limit, used, reserved };
  return [{ ...cap, isTest: false, share: shareOf(cap) }];
}

function shareOf({ used, limit }: { readonly used: string; readonly limit: string }): number {
  const most = Number(limit);
  return most === 0 ? 1 : Math.max(0, Number(used) / most);
}
