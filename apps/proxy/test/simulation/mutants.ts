import type { Database } from "../../src/ledger/database.ts";

/** One fault, put into the product on purpose: `from` becomes `to` in a file of `src`, or in a function of the database. */
export interface Mutant {
  readonly name: string;
  readonly where: { readonly file: string } | { readonly sqlFunction: string };
  readonly from: string;
  readonly to: string;
}

const APPLY = { sqlFunction: "ledger_apply" };
const BATCHER = { file: "ledger/batcher.ts" };
const LEDGER = { file: "ledger/sql-ledger.ts" };

/**
 * Faults that the simulator must find. Each takes away one thing on which a promise rests;
 * where a second one stands behind it, as behind a call's deadline, nothing would be seen, and it is not here.
 */
export const MUTANTS: readonly Mutant[] = [
  {
    name: "a replica sends after its lease has ended",
    where: LEDGER,
    from: "this.#replica.holdsLease() && this.#clock",
    to: "this.#clock",
  },
  {
    name: "an old decision is not asked for again before it is sent",
    where: LEDGER,
    from: "this.#clock.monotonicMs() < asOfMs + RECENT_MS",
    to: "true",
  },
  {
    name: "a hold whose commit was not acknowledged is not given back",
    where: BATCHER,
    from: "reservations.map(({ op }) => this.#releaseOf(op))",
    to: "[]",
  },
  {
    name: "a flush whose answer was lost is taken for committed",
    where: BATCHER,
    from: `return row?.["is_committed"] === true;`,
    to: "return row !== undefined;",
  },
  {
    name: "the ledger decides for a replica without a lease",
    where: APPLY,
    from: "WHERE epoch = an_epoch AND stopped_at IS NULL AND lease_until > clock_timestamp() FOR UPDATE;",
    to: "WHERE epoch = an_epoch FOR UPDATE;",
  },
  {
    name: "a cap lets the last call through",
    where: APPLY,
    from: "win_reserved[w] + win_settled[w] + need > win_limit[w]",
    to: "win_reserved[w] + win_settled[w] >= win_limit[w]",
  },
  {
    name: "a call is not held against what is held already",
    where: APPLY,
    from: "win_reserved[w] + win_settled[w] + need > win_limit[w]",
    to: "win_settled[w] + need > win_limit[w]",
  },
  {
    name: "a revoked key is not refused",
    where: APPLY,
    from: "v.status <> 'active' OR c.deleted_at",
    to: "c.deleted_at",
  },
  {
    name: "an expired key is not refused",
    where: APPLY,
    from: "WHEN v.expires_at <= at_time THEN 'vault_key_expired'",
    to: "",
  },
  {
    name: "the kill switch is not read",
    where: APPLY,
    from: "WHEN s.kill_switch_engaged THEN 'kill_switch_engaged'",
    to: "",
  },
  {
    name: "a policy that was replaced meanwhile still decides",
    where: APPLY,
    from: "WHEN v.policy_version <> o.policy_version THEN 'stale_policy'",
    to: "",
  },
  {
    name: "a call may be repeated while it is still open",
    where: APPLY,
    from: "WHEN k.open_call_id IS DISTINCT FROM o.id THEN 'idempotency_in_flight'",
    to: "",
  },
  {
    name: "a call that cost more than was held suspends no key",
    where: APPLY,
    from: "closes[o.i] AND overruns[o.i] > 0 AND",
    to: "false AND",
  },
  {
    name: "the sweeper gives back what it does not know",
    where: { sqlFunction: "ledger_sweep" },
    from: "UPDATE reservations SET state = 'unknown' WHERE",
    to: "DELETE FROM reservations WHERE",
  },
  {
    name: "the sweeper spares what a dead replica left open",
    where: { sqlFunction: "ledger_sweep" },
    from: "(r.deadline < clock_timestamp() OR NOT EXISTS (",
    to: "(r.deadline < clock_timestamp() - interval '1 day' OR false AND NOT EXISTS (",
  },
  {
    name: "a broken connection is taken for proof that nothing was sent",
    where: { file: "data-plane/upstream.ts" },
    from: `this.#resolve({ kind: "unknown", isTimeout, reason, upstreamMs: this.#elapsedMs() });`,
    to: `this.#resolve({ kind: "not_sent", reason });`,
  },
  {
    name: "the journal of an embedded database is not replayed",
    where: { file: "ledger/intent-journal.ts" },
    from: "const lost = some.filter((call) => missing.has(call.id));",
    to: "const lost = some.filter((call) => missing.has(call.id) && false);",
  },
];

/** Puts a fault into the text of the file or function that it is for. Throws when it does not fit there any more. */
export function mutate(text: string, { name, from, to }: Mutant): string {
  if (text.split(from).length !== 2) throw new TypeError(`the mutant \`${name}\` does not fit any more`);
  return text.replace(from, () => to);
}

/** Puts a fault into the database, when it is for a function there. */
export async function mutateDatabase(database: Database, mutant: Mutant): Promise<void> {
  if (!("sqlFunction" in mutant.where)) return;
  const [row] = await database.query("SELECT pg_get_functiondef($1::regproc) AS definition", [
    mutant.where.sqlFunction,
  ]);
  await database.script(mutate(String(row?.["definition"]), mutant));
}
