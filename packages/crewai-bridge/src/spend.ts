import { type AdminClient, eachItem, type Spend } from "@keybrake/client";
import { type Column, renderTable } from "@keybrake/client/command-line";
import { formatUsd, parseUsd, type VendorName } from "@keybrake/core";
import type { IssuedKey } from "./issued-key.ts";

/** What one key of a run did, by the audit log. */
export interface KeySpend {
  readonly agentId: string;
  readonly vendor: VendorName;
  /** Calls that were allowed. */
  readonly calls: number;
  readonly denied: number;
  /** What its calls cost, in dollars. */
  readonly spentUsd: string;
  /** What is held besides, for calls whose outcome is not final. */
  readonly heldUsd: string;
  /** The caps of its policy in words; empty without one. */
  readonly cap: string;
}

const PAGE_LIMIT = 1_000;
/** Calls are timed by a clock that follows the database's: a call right behind the key's creation must not be lost. */
const MARGIN_MS = 60_000;

const COLUMNS: readonly Column<KeySpend>[] = [
  { name: "AGENT", value: ({ agentId }) => agentId },
  { name: "VENDOR", value: ({ vendor }) => vendor },
  { name: "CALLS", value: ({ calls }) => calls, align: "right" },
  { name: "DENIED", value: ({ denied }) => denied, align: "right" },
  { name: "SPENT USD", value: ({ spentUsd }) => spentUsd, align: "right" },
  { name: "HELD USD", value: ({ heldUsd }) => heldUsd, align: "right" },
  { name: "CAP", value: ({ cap }) => cap },
];

const CAPS = [
  ["total_usd_cap", ""],
  ["daily_usd_cap", " a day"],
  ["monthly_usd_cap", " a month"],
] as const;
const CALL_CAPS = [
  ["total_call_cap", " calls"],
  ["daily_call_cap", " calls a day"],
] as const;

/** Sums up what each key of a run did so far, in the keys' order. */
export async function readSpend(admin: AdminClient, keys: readonly IssuedKey[]): Promise<KeySpend[]> {
  if (keys.length === 0) return [];
  const since = Math.min(...keys.map(({ createdAt }) => createdAt.getTime())) - MARGIN_MS;
  const from = new Date(since).toISOString();
  const query = { group_by: "vault_key_id", from, limit: PAGE_LIMIT } as const;
  const found = new Map<string, Spend>();
  const ids = new Set(keys.map(({ id }) => id));
  for await (const spend of eachItem(admin.spend.list, query)) {
    if (spend.group !== null && ids.has(spend.group)) found.set(spend.group, spend);
    if (found.size === ids.size) break;
  }
  return keys.map((key) => {
    const spend = found.get(key.id);
    return {
      agentId: key.agentId,
      vendor: key.vendor,
      calls: spend?.calls ?? 0,
      denied: spend?.denied ?? 0,
      spentUsd: spend?.cost_usd ?? "0.00",
      heldUsd: spend?.reserved_usd ?? "0.00",
      cap: describeCaps(key.policy),
    };
  });
}

/** The same as a table for people. */
export function renderSpend(spend: readonly KeySpend[]): string {
  return renderTable(COLUMNS, spend);
}

function describeCaps(policy: IssuedKey["policy"]): string {
  const amounts = CAPS.flatMap(([field, period]) => {
    const micros = parseUsd(policy[field] ?? "");
    return micros === null ? [] : [formatUsd(micros) + period];
  });
  const counts = CALL_CAPS.flatMap(([field, unit]) => {
    const count = policy[field];
    return count === undefined ? [] : [`${count}${unit}`];
  });
  return [...amounts, ...counts].join(", ");
}
