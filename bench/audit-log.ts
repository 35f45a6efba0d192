import type { AdminClient } from "@keybrake/client";
import pg from "pg";

const DAYS = 30;
const KEYS = 2_000;
const CALLS_PER_STATEMENT = 250_000;
/** Calls that one flush decided: they have one instant and stand in one link. */
const CALLS_PER_LINK = 64;

/**
 * Fills the tables with calls of the last 30 days, evenly, as crews make them: half of them by one agent, about a hundred
 * to a run, each run with three keys of its own. The chain's links have the size of real ones, and hashes that fit nothing:
 * what is measured is how they are found. Indexes are made afterwards, as they would be too slow to fill row by row.
 */
export async function fillAuditLog(url: string, admin: AdminClient, calls: number): Promise<void> {
  const secrets = [
    { name: "stripe-live", vendor: "stripe", value: "sk_live_bench0000000000000000" },
    { name: "stripe-test", vendor: "stripe", value: "sk_test_bench0000000000000000" },
    { name: "resend", vendor: "resend", value: "re_bench0000000000000000" },
  ] as const;
  for (const secret of secrets) await admin.secrets.create(secret);
  const policy = { vendor: "stripe" as const, daily_usd_cap: 1_000 };
  await admin.vaultKeys.create({ agent_id: "template", secret: "stripe-live", policy });
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(
      "SET synchronous_commit = off; SET maintenance_work_mem = '256MB'; SET TIME ZONE 'UTC'",
    );
    await fillKeys(client);
    await fillCalls(client, calls);
    await fillRest(client);
    await client.query("VACUUM ANALYZE");
  } finally {
    await client.end();
  }
}

async function fillKeys(client: pg.Client): Promise<void> {
  await client.query(
    `INSERT INTO replicas (epoch, name, version, lease_until) OVERRIDING SYSTEM VALUE VALUES (1000000, 'bench', '0', now() + interval '1 day')`,
  );
  await client.query(
    `INSERT INTO vault_keys (key_hash, redacted, name, agent_id, crew_run_id, secret_id, vendor, policy, created_at)
     SELECT sha256(('bench ' || g)::bytea), 'vault_bench_' || g || '…', 'key ' || g,
       CASE g % 2 WHEN 0 THEN 'hot_agent' ELSE 'agent_' || g % 199 END, CASE WHEN g % 5 = 0 THEN 'run-' || g END,
       s.id, s.vendor, k.policy, now() - interval '30 days' + g * interval '1 minute'
     FROM generate_series(0, ${KEYS - 1}) g CROSS JOIN vault_keys k
     JOIN secrets s ON s.name = CASE WHEN g % 10 < 7 THEN 'stripe-live' WHEN g % 10 < 9 THEN 'stripe-test' ELSE 'resend' END`,
  );
  await client.query(
    `CREATE TEMPORARY TABLE bench_keys AS
     SELECT (row_number() OVER (ORDER BY v.created_at, v.id) - 1)::integer AS i, v.id, v.agent_id, v.vendor, v.secret_id, s.mode
     FROM vault_keys v JOIN secrets s ON s.id = v.secret_id WHERE v.name LIKE 'key %'`,
  );
  await client.query("CREATE UNIQUE INDEX ON bench_keys (i); ANALYZE bench_keys");
}

async function fillCalls(client: pg.Client, calls: number): Promise<void> {
  for (let day = 0; day <= DAYS; day += DAYS / 2)
    await client.query("SELECT ensure_month(date_trunc('month', now() - $1 * interval '1 day')::date)", [
      day,
    ]);
  const { rows: indexes } = await client.query<{ name: string; definition: string }>(
    `SELECT i.indexrelid::regclass::text AS name, replace(pg_get_indexdef(i.indexrelid), ' ON ONLY ', ' ON ') AS definition
     FROM pg_index i WHERE i.indrelid = 'calls'::regclass AND NOT i.indisprimary`,
  );
  for (const { name } of indexes) await client.query(`DROP INDEX ${name}`);
  await client.query("ALTER TABLE calls DROP CONSTRAINT calls_pkey");
  for (let from = 0; from < calls; from += CALLS_PER_STATEMENT) {
    await client.query(INSERT_CALLS, [from, Math.min(calls, from + CALLS_PER_STATEMENT) - 1, calls]);
    console.error(`${Math.min(calls, from + CALLS_PER_STATEMENT)} calls`);
  }
  await client.query("ALTER TABLE calls ADD PRIMARY KEY (id, requested_at)");
  for (const { definition } of indexes) await client.query(definition);
}

const INSERT_CALLS = `
  WITH made AS (
    SELECT g, g / 400 * 4 + g % 4 AS run,
      date_trunc('milliseconds', now() - interval '${DAYS} days'
        + (g / ${CALLS_PER_LINK} * ${CALLS_PER_LINK})::float8 / $3::float8 * interval '${DAYS} days') AS at,
      CASE WHEN g * 7919 % 1000 < 80 THEN 'denied' WHEN g * 7919 % 1000 < 110 THEN 'released'
        WHEN g * 7919 % 2000 = 1999 THEN 'unknown' WHEN g > $3::bigint - 40 THEN 'reserved' ELSE 'settled' END AS state
    FROM generate_series($1::bigint, $2::bigint) g
  ), inserted AS (
    INSERT INTO calls (id, requested_at, completed_at, state, verdict, denial_code, denial_reason, vault_key_id, agent_id,
      crew_run_id, claimed_agent_id, vendor, method, path, endpoint, status_code, amount, currency, direction, reserved_usd,
      cost_usd, customer_id, vendor_request_id, vendor_object_id, metadata, latency_ms, upstream_ms, replica, throttled_by)
    SELECT gen_random_uuid(), m.at, CASE WHEN m.state <> 'reserved' THEN m.at + interval '120 milliseconds' END, m.state,
      CASE m.state WHEN 'denied' THEN 'deny' ELSE 'allow' END,
      CASE m.state WHEN 'denied' THEN CASE m.g % 3 WHEN 0 THEN 'daily_cap_exceeded' ELSE 'endpoint_not_allowed' END END,
      CASE m.state WHEN 'denied' THEN 'the policy does not allow it' END, k.id, k.agent_id, 'run-' || m.run,
      CASE WHEN m.g % 50000 = 7 THEN 'somebody' END, k.vendor, 'POST',
      CASE m.g % 3 WHEN 0 THEN '/v1/refunds' WHEN 1 THEN '/v1/payment_intents' ELSE '/v1/customers/cus_' || m.g END,
      CASE m.g % 3 WHEN 0 THEN 'POST /v1/refunds' WHEN 1 THEN 'POST /v1/payment_intents' ELSE 'POST /v1/customers/{customer}' END,
      CASE m.state WHEN 'denied' THEN 403 WHEN 'released' THEN 402 WHEN 'settled' THEN 200 END, m.g % 10000, 'usd', 'out',
      (m.g % 10000)::numeric / 100, CASE m.state WHEN 'settled' THEN (m.g % 10000)::numeric / 100 ELSE 0 END,
      'cus_' || m.g % 5000, 'req_' || m.g, CASE WHEN m.state = 'settled' THEN 're_' || m.g END,
      jsonb_build_object('order', 'order-' || m.g, 'note', 'sent by the crew of the night shift'), 120, 100, 'bench',
      CASE WHEN m.g % 1000 = 3 THEN jsonb_build_object('window_ms', 1100, 'calls', jsonb_build_object(k.agent_id, 20, 'agent_1', 5)) END
    FROM made m JOIN bench_keys k ON k.i = (m.run * 3 + m.g % 3) % ${KEYS}
    RETURNING id, requested_at, completed_at, state, vault_key_id, reserved_usd
  ), entries AS (
    SELECT requested_at AS at, id, requested_at, 'decision' AS kind FROM inserted
    UNION ALL
    SELECT completed_at, id, requested_at, CASE state WHEN 'unknown' THEN 'unknown' ELSE 'outcome' END FROM inserted
    WHERE completed_at IS NOT NULL
  ), links AS (
    INSERT INTO audit_chain (epoch, seq, written_at, prev_hash, hash, call_ids, requested_ats, kinds, digests)
    SELECT 1000000, $1::bigint * 2 + row_number() OVER (ORDER BY e.at), e.at, sha256('0'), sha256('1'), array_agg(e.id),
      array_agg(e.requested_at), array_agg(e.kind), array_agg(sha256(e.id::text::bytea))
    FROM entries e GROUP BY e.at
  )
  INSERT INTO reservations (call_id, requested_at, epoch, state, deadline, day, budget_ids, hold_micros, accounted, vault_key_id, secret_id)
  SELECT i.id, i.requested_at, 1000000, i.state, CASE i.state WHEN 'reserved' THEN now() + interval '1 day' ELSE i.requested_at END,
    i.requested_at::date, '{}', micros(i.reserved_usd), true, i.vault_key_id, k.secret_id
  FROM inserted i JOIN bench_keys k ON k.id = i.vault_key_id WHERE i.state IN ('reserved', 'unknown')`;

/** Budgets with a window a day, and counts of refusals. */
async function fillRest(client: pg.Client): Promise<void> {
  await client.query(
    `INSERT INTO budgets (scope, scope_value, time_window, unit, limit_amount)
     SELECT 'vault_key', k.id::text, 'daily', 'usd', 1000000000 FROM bench_keys k
     UNION ALL SELECT DISTINCT 'agent_id', k.agent_id, 'daily', 'usd', 10000000000 FROM bench_keys k
     UNION ALL SELECT 'installation', '', 'monthly', 'usd', 1000000000000`,
  );
  await client.query(
    `INSERT INTO budget_windows (budget_id, window_start, mode, limit_micros, settled)
     SELECT DISTINCT b.id, window_start(b.time_window, (now() - d * interval '1 day')::date), 'live', b.limit_amount, 1000000
     FROM budgets b CROSS JOIN generate_series(0, ${DAYS}) d WHERE b.unit = 'usd' ON CONFLICT DO NOTHING`,
  );
  await client.query(
    `INSERT INTO denial_counts (epoch, minute, vault_key_id, code, agent_id, vendor, recorded, counted, last_at, last_seq, replica)
     SELECT 1000000, date_trunc('minute', now() - g * interval '2 minutes'), k.id, 'endpoint_not_allowed', k.agent_id, k.vendor,
       100, g % 50, now() - g * interval '2 minutes', 1, 'bench'
     FROM generate_series(1, ${DAYS * 24 * 30}) g JOIN bench_keys k ON k.i = g % ${KEYS}`,
  );
  // The server that runs meanwhile has seen an empty log.
  await client.query("UPDATE call_sums SET summed_to = '-infinity'");
}
