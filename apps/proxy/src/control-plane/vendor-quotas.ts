import { PAGE_LIMIT, type VendorQuota } from "@keybrake/client/contract";
import { z } from "zod";
import type { Database } from "../ledger/database.ts";
import type { QueueState } from "../limits/vendor-quota.ts";
import type { SecretRecord } from "../secrets/secret-rows.ts";
import type { EnvelopeSecretStore } from "../secrets/secret-store.ts";
import type { TrailReplica } from "./admin-trail.ts";
import { decodeCursor, toPage } from "./cursor.ts";
import { type AdminApi, mount, reply } from "./operation-handler.ts";

const position = z.tuple([z.literal("quota"), z.string().max(63)]);

/** What this replica knows of a credential's queue. */
export interface QuotaSource {
  readonly replica: TrailReplica;
  readonly paceOf: (secret: SecretRecord) => number | null;
  /** Null when nothing was sent with it yet. */
  readonly queueOf: (secretId: string) => QueueState | null;
}

/** The operation that shows how much of each credential's quota is used. */
export function mountVendorQuotas(
  api: AdminApi,
  database: Database,
  secrets: EnvelopeSecretStore,
  source: QuotaSource,
): void {
  mount(api, "listVendorQuota", async ({ query }) => {
    const limit = query.limit ?? PAGE_LIMIT;
    const [, after] = decodeCursor(position, query.cursor) ?? [null, ""];
    const found = await secrets.list(after, limit + 1);
    const ids = found.slice(0, limit).map(({ id }) => id);
    const [replica, sent, throttles] = await Promise.all([
      selectReplicaName(database, source.replica.epoch),
      selectSent(database, ids),
      selectThrottles(database, ids),
    ]);
    const page = toPage(
      found,
      limit,
      (secret): VendorQuota => {
        const pace = source.paceOf(secret);
        const queue = source.queueOf(secret.id);
        const throttle = throttles.get(secret.id) ?? { answers: 0, agents: [] };
        return {
          secret: secret.name,
          vendor: secret.vendor,
          mode: secret.mode,
          requests_per_second: pace,
          current_requests_per_second: queue === null ? pace : queue.perSecond,
          waiting: queue?.waiting ?? 0,
          in_flight: queue?.inFlight ?? 0,
          sent_last_minute: sent.get(secret.id) ?? 0,
          throttled_last_hour: throttle.answers,
          throttled_by: throttle.agents,
        };
      },
      ({ name }) => ["quota", name],
    );
    return reply(200, { ...page, replica });
  });
}

async function selectReplicaName(database: Database, epoch: bigint): Promise<string> {
  const [row] = await database.query("SELECT name FROM replicas WHERE epoch = $1", [epoch.toString()]);
  return row?.["name"] as string;
}

/** How many calls went out with each credential in the last minute; one that was never sent does not count. */
async function selectSent(
  database: Database,
  secretIds: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const rows = await database.query(
    `SELECT k.secret_id, count(*) AS calls FROM calls c JOIN vault_keys k ON k.id = c.vault_key_id
     WHERE c.requested_at > now() - interval '1 minute' AND c.verdict = 'allow'
       AND NOT (c.state = 'released' AND c.status_code IS NULL) AND k.secret_id = ANY ($1::uuid[])
     GROUP BY 1`,
    [secretIds],
  );
  return new Map(rows.map((row) => [row["secret_id"] as string, Number(row["calls"])]));
}

interface Throttles {
  readonly answers: number;
  readonly agents: VendorQuota["throttled_by"];
}

/** The refusals of the last hour for too many requests, and what each says of who had sent how many before it. */
async function selectThrottles(
  database: Database,
  secretIds: readonly string[],
): Promise<ReadonlyMap<string, Throttles>> {
  const rows = await database.query(
    `WITH throttled AS MATERIALIZED (
       SELECT k.secret_id, c.throttled_by -> 'calls' AS calls FROM calls c JOIN vault_keys k ON k.id = c.vault_key_id
       WHERE c.requested_at > now() - interval '1 hour' AND c.throttled_by IS NOT NULL
         AND k.secret_id = ANY ($1::uuid[]))
     SELECT t.secret_id, count(*) AS answers, (
       SELECT jsonb_agg(jsonb_build_object('agent_id', a.agent_id, 'calls', a.calls) ORDER BY a.calls DESC, a.agent_id)
       FROM (SELECT e.key AS agent_id, sum(e.value::bigint) AS calls
         FROM throttled x CROSS JOIN LATERAL jsonb_each_text(CASE jsonb_typeof(x.calls) WHEN 'object' THEN x.calls END) e
         WHERE x.secret_id = t.secret_id GROUP BY 1) a) AS agents
     FROM throttled t GROUP BY 1`,
    [secretIds],
  );
  return new Map(
    rows.map((row) => [
      row["secret_id"] as string,
      { answers: Number(row["answers"]), agents: (row["agents"] as Throttles["agents"] | null) ?? [] },
    ]),
  );
}
