import type { Call, CallEvidence } from "@keybrake/client/contract";
import { type BudgetUnit, type CredentialMode, formatUsd, VENDORS, type VendorName } from "@keybrake/core";
import { listChainEntries } from "../ledger/chain-entries.ts";
import type { Database, Row } from "../ledger/database.ts";
import { selectCall } from "./call-store.ts";
import { type AdminApi, mount, reply } from "./operation-handler.ts";
import { ProblemError } from "./problem.ts";

/** The operation that shows what one call counts in, and what proves it. `isVendorsOwn` = calls go to the vendor itself. */
export function mountCallEvidence(
  api: AdminApi,
  database: Database,
  isVendorsOwn: (vendor: VendorName) => boolean,
): void {
  mount(api, "getCallEvidence", async ({ params }) => {
    const call = await selectCall(database, params.id);
    if (call === null) throw new ProblemError("not_found", { detail: `there is no call \`${params.id}\`` });
    const times = { requestedAt: call.requested_at, completedAt: call.completed_at };
    const [budgets, reservation, parts, chain, mode] = await Promise.all([
      selectBudgets(database, call),
      selectReservation(database, call.id),
      selectParts(database, call),
      listChainEntries(database, { id: call.id, ...times }),
      selectMode(database, call),
    ]);
    const entries = chain.map((entry) => ({
      kind: entry.kind,
      epoch: Number(entry.epoch),
      seq: Number(entry.seq),
      written_at: entry.writtenAt.toISOString(),
      covers_row: entry.coversRow,
      verified: entry.isVerified,
    }));
    const url = findDashboardUrl(call, mode, isVendorsOwn);
    return reply(200, { call, budgets, reservation, parts, chain: entries, dashboard_url: url });
  });
}

/** The windows in which the call counts: those that its hold names, or those that cover it. */
async function selectBudgets(database: Database, call: Call): Promise<CallEvidence["budgets"]> {
  const rows = await database.query(
    `SELECT b.id, b.scope, CASE b.scope WHEN 'installation' THEN NULL WHEN 'secret' THEN z.name ELSE b.scope_value END AS value,
       b.time_window, b.unit, CASE WHEN b.time_window <> 'total' THEN w.start::text END AS window_start, w.mode,
       coalesce(x.limit_micros, b.limit_amount) AS limit_amount, coalesce(x.reserved + x.settled, 0) AS used
     FROM calls c LEFT JOIN reservations r ON r.call_id = c.id
     JOIN vault_keys k ON k.id = c.vault_key_id JOIN secrets z ON z.id = k.secret_id
     CROSS JOIN LATERAL (VALUES ('vault_key', k.id::text), ('agent_id', c.agent_id), ('crew_run_id', c.crew_run_id),
       ('secret', z.id::text), ('installation', '')) AS s (scope, value)
     JOIN budgets b ON b.scope = s.scope AND b.scope_value = s.value AND b.deleted_at IS NULL
       AND (r.call_id IS NULL OR b.id = ANY (r.budget_ids))
     CROSS JOIN LATERAL (SELECT window_mode(b.unit, z.mode) AS mode,
       window_start(b.time_window, coalesce(r.day, (c.requested_at AT TIME ZONE 'UTC')::date)) AS start) w
     LEFT JOIN budget_windows x ON x.budget_id = b.id AND x.window_start = w.start AND x.mode = w.mode
     WHERE c.id = $1 AND c.requested_at = $2 ORDER BY b.scope = 'vault_key' DESC, b.id`,
    [call.id, call.requested_at],
  );
  return rows.map(readBudget);
}

function readBudget(row: Row): CallEvidence["budgets"][number] {
  const unit = row["unit"] as BudgetUnit;
  const show = (name: string) =>
    unit === "usd" ? formatUsd(row[name] as bigint) : (row[name] as bigint).toString();
  return {
    id: String(row["id"]),
    scope: row["scope"] as CallEvidence["budgets"][number]["scope"],
    value: row["value"] as string | null,
    window: row["time_window"] as CallEvidence["budgets"][number]["window"],
    unit,
    window_start: row["window_start"] as string | null,
    mode: row["mode"] as CredentialMode,
    limit: show("limit_amount"),
    used: show("used"),
  };
}

async function selectReservation(database: Database, callId: string): Promise<CallEvidence["reservation"]> {
  const [row] = await database.query(
    "SELECT state, deadline, hold_micros, epoch FROM reservations WHERE call_id = $1",
    [callId],
  );
  if (row === undefined) return null;
  return {
    state: row["state"] as "reserved" | "unknown",
    deadline: (row["deadline"] as Date).toISOString(),
    hold_usd: formatUsd(row["hold_micros"] as bigint),
    epoch: Number(row["epoch"]),
  };
}

async function selectParts(database: Database, call: Call): Promise<CallEvidence["parts"]> {
  const rows = await database.query(
    `SELECT 'added' AS kind, e.object_id, NULL::uuid AS call_id, p ->> 'day' AS day, (p ->> 'micros')::bigint AS micros
     FROM vault_keys k JOIN exposures e ON e.secret_id = k.secret_id AND e.object_id = $2
     CROSS JOIN LATERAL jsonb_array_elements(e.parts) p
     WHERE k.id = $3 AND p ->> 'call' = $1::text AND (p ->> 'micros')::bigint > 0
     UNION ALL
     SELECT 'gave_back', NULL, source_call_id, day::text, micros FROM credits WHERE call_id = $1::uuid
     UNION ALL
     SELECT 'was_given_back', NULL, call_id, day::text, micros FROM credits WHERE source_call_id = $1::uuid`,
    [call.id, call.vendor_object_id, call.vault_key_id],
  );
  return rows.map((row) => ({
    kind: row["kind"] as CallEvidence["parts"][number]["kind"],
    object_id: row["object_id"] as string | null,
    call_id: row["call_id"] as string | null,
    day: row["day"] as string,
    usd: formatUsd(row["micros"] as bigint),
  }));
}

async function selectMode(database: Database, call: Call): Promise<CredentialMode | null> {
  const [row] = await database.query(
    "SELECT z.mode FROM vault_keys k JOIN secrets z ON z.id = k.secret_id WHERE k.id = $1",
    [call.vault_key_id],
  );
  return (row?.["mode"] as CredentialMode | undefined) ?? null;
}

function findDashboardUrl(
  call: Call,
  mode: CredentialMode | null,
  isVendorsOwn: (vendor: VendorName) => boolean,
): string | null {
  const vendor = call.vendor as VendorName | null;
  if (vendor === null || mode === null || call.vendor_request_id === null || !isVendorsOwn(vendor))
    return null;
  return VENDORS[vendor].requestPage(call.vendor_request_id, mode);
}
