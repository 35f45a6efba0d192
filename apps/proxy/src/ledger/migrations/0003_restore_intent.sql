-- What the intent journal of an embedded database knows and the database forgot, put back. Each function is one
-- transaction and may be called again with the same arguments.

-- A reservation as the journal has it: the operation that asked for it, and what was decided.
CREATE TYPE intent AS (
  id uuid, at_ms bigint, day date, hold bigint, replay_of uuid,
  vault_key_id uuid, secret_id uuid, agent_id text, crew_run_id text, claimed_agent_id text, claimed_crew_run_id text,
  vendor text, method text, path text, endpoint text, direction text, accounted boolean, amount bigint, currency text,
  customer_id text, idempotency_key text, fingerprint text, metadata jsonb
);

CREATE FUNCTION from_epoch_ms(ms bigint) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$
  SELECT TIMESTAMPTZ '1970-01-01 00:00:00+00' + ms * interval '1 millisecond'
$$;

-- Which of these calls have no row. One whose month was removed by retention is not missing.
CREATE FUNCTION missing_calls(ids uuid[], ats_ms bigint[]) RETURNS SETOF uuid LANGUAGE sql STABLE
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
  SELECT DISTINCT u.id FROM unnest(ids, ats_ms) AS u (id, at_ms)
  WHERE from_epoch_ms(u.at_ms) >= coalesce((SELECT max(t.calls_before) FROM audit_tombstones t), '-infinity')
    AND NOT EXISTS (SELECT 1 FROM calls c WHERE c.id = u.id AND c.requested_at = from_epoch_ms(u.at_ms))
$$;

-- Creates one month's partition, as ensure_partitions does for the months to come.
CREATE FUNCTION ensure_month(month date) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF to_regclass('calls_' || to_char(month, 'YYYY_MM')) IS NULL THEN
    EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF calls FOR VALUES FROM (%L) TO (%L) WITH (fillfactor = 80)',
      'calls_' || to_char(month, 'YYYY_MM'), to_char(month, 'YYYY-MM-DD') || ' 00:00:00+00',
      to_char(month + interval '1 month', 'YYYY-MM-DD') || ' 00:00:00+00');
  END IF;
END $$;

-- Puts back the calls that have no row, as `unknown`: the worst case is held on every budget that covers them, in the
-- windows of the day on which they were decided, past the limit where it must be. Returns how many were put back.
-- Locks in the order of ledger_apply: barrier, own epoch, budget windows, idempotency keys.
CREATE FUNCTION restore_intents(an_epoch bigint, intents jsonb) RETURNS integer LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
DECLARE
  at_time timestamptz := date_trunc('milliseconds', clock_timestamp());
  replica_name text;
  lost intent[];
  month date;
  cov_call uuid[]; cov_budget bigint[]; cov_start date[]; cov_mode text[]; cov_need bigint[];
  link_ids uuid[]; link_times timestamptz[]; link_kinds text[]; link_digests bytea[];
BEGIN
  PERFORM pg_advisory_xact_lock_shared(ledger_barrier());
  SELECT name INTO replica_name FROM replicas
    WHERE epoch = an_epoch AND stopped_at IS NULL AND lease_until > clock_timestamp() FOR UPDATE;
  IF NOT FOUND THEN RAISE EXCEPTION 'epoch % has lost its lease', an_epoch USING ERRCODE = 'KB001'; END IF;

  SELECT array_agg(d.x) INTO lost FROM (
    SELECT DISTINCT ON (x.id) x FROM jsonb_populate_recordset(NULL::intent, intents) x ORDER BY x.id
  ) d WHERE (d.x).id IN (SELECT missing_calls(array_agg(x.id), array_agg(x.at_ms))
    FROM jsonb_populate_recordset(NULL::intent, intents) x);
  IF lost IS NULL THEN RETURN 0; END IF;

  FOR month IN SELECT DISTINCT date_trunc('month', from_epoch_ms(o.at_ms) AT TIME ZONE 'UTC')::date FROM unnest(lost) o LOOP
    PERFORM ensure_month(month);
  END LOOP;
  UPDATE installation SET last_day = (SELECT max(o.day) FROM unnest(lost) o)
    WHERE only_row AND last_day < (SELECT max(o.day) FROM unnest(lost) o);

  SELECT array_agg(o.id), array_agg(b.id), array_agg(window_start(b.time_window, o.day)),
      array_agg(window_mode(b.unit, z.mode)), array_agg(CASE b.unit
      WHEN 'usd' THEN o.hold WHEN 'calls' THEN (coalesce(o.accounted, false) AND o.replay_of IS NULL)::integer ELSE 1 END)
    INTO cov_call, cov_budget, cov_start, cov_mode, cov_need
    FROM unnest(lost) o JOIN secrets z ON z.id = o.secret_id
    CROSS JOIN LATERAL (VALUES ('vault_key', o.vault_key_id::text), ('agent_id', o.agent_id),
      ('crew_run_id', o.crew_run_id), ('secret', o.secret_id::text), ('installation', '')) AS s (scope, value)
    JOIN budgets b ON b.scope = s.scope AND b.scope_value = s.value AND b.deleted_at IS NULL;
  INSERT INTO budget_windows (budget_id, window_start, mode, limit_micros)
    SELECT DISTINCT c.budget_id, c.start, c.mode, b.limit_amount
    FROM unnest(cov_budget, cov_start, cov_mode) AS c (budget_id, start, mode) JOIN budgets b ON b.id = c.budget_id ORDER BY 1, 2, 3
  ON CONFLICT DO NOTHING;
  PERFORM 1 FROM budget_windows x
    WHERE (x.budget_id, x.window_start, x.mode) IN (
      SELECT c.budget_id, c.start, c.mode FROM unnest(cov_budget, cov_start, cov_mode) AS c (budget_id, start, mode))
    ORDER BY x.budget_id, x.window_start, x.mode FOR UPDATE;
  UPDATE budget_windows x SET reserved = x.reserved + c.need,
      overrun = greatest(x.overrun, x.reserved + c.need + x.settled - x.limit_micros)
    FROM (SELECT u.budget_id, u.start, u.mode, sum(u.need)::bigint AS need
      FROM unnest(cov_budget, cov_start, cov_mode, cov_need) AS u (budget_id, start, mode, need) GROUP BY 1, 2, 3) c
    WHERE x.budget_id = c.budget_id AND x.window_start = c.start AND x.mode = c.mode;

  -- A repeat of such a call must find its reservation, as it would have before.
  INSERT INTO idempotency_keys AS k (key_hash, fingerprint, call_id, requested_at)
    SELECT DISTINCT ON (o.idempotency_key) o.idempotency_key, o.fingerprint, o.id, from_epoch_ms(o.at_ms)
    FROM unnest(lost) o WHERE o.idempotency_key IS NOT NULL AND o.replay_of IS NULL
    ORDER BY o.idempotency_key, o.at_ms DESC
  ON CONFLICT (key_hash) DO UPDATE SET fingerprint = excluded.fingerprint, call_id = excluded.call_id,
      requested_at = excluded.requested_at
    WHERE k.open_call_id IS NULL AND k.requested_at < excluded.requested_at - interval '23 hours';

  WITH written AS (
    INSERT INTO calls (id, requested_at, completed_at, state, verdict, vault_key_id, agent_id, crew_run_id,
      claimed_agent_id, claimed_crew_run_id, vendor, method, path, endpoint, amount, currency, direction, reserved_usd,
      customer_id, idempotency_key_hash, replay_of, metadata, outcome_reason, replica)
    SELECT o.id, from_epoch_ms(o.at_ms), at_time, 'unknown', 'allow', o.vault_key_id, o.agent_id, o.crew_run_id,
      o.claimed_agent_id, o.claimed_crew_run_id, o.vendor, o.method, o.path, o.endpoint, o.amount, o.currency,
      o.direction, usd(o.hold), o.customer_id, o.idempotency_key, o.replay_of, coalesce(o.metadata, '{}'),
      'the database lost this call, and the intent journal remembered it', replica_name
    FROM unnest(lost) o
    RETURNING id, requested_at, decision_digest(calls) AS decision, outcome_digest(calls) AS outcome
  ), digested AS (
    SELECT w.id, w.requested_at, 'decision' AS what, w.decision AS digest FROM written w
    UNION ALL
    SELECT w.id, w.requested_at, 'unknown', w.outcome FROM written w
  )
  SELECT array_agg(g.id), array_agg(g.requested_at), array_agg(g.what), array_agg(g.digest)
    INTO link_ids, link_times, link_kinds, link_digests FROM (SELECT * FROM digested ORDER BY id, what) g;
  INSERT INTO reservations (call_id, requested_at, epoch, state, deadline, day, budget_ids, hold_micros, accounted,
      vault_key_id, secret_id, idempotency_key_hash)
    SELECT o.id, from_epoch_ms(o.at_ms), an_epoch, 'unknown', at_time, o.day,
      ARRAY(SELECT c.budget_id FROM unnest(cov_call, cov_budget) AS c (call_id, budget_id) WHERE c.call_id = o.id),
      o.hold, coalesce(o.accounted, false) AND o.replay_of IS NULL, o.vault_key_id, o.secret_id, o.idempotency_key
    FROM unnest(lost) o;
  PERFORM append_link(an_epoch, at_time, link_ids, link_times, link_kinds, link_digests);
  RETURN cardinality(lost);
END $$;

-- Revokes again the keys that a lost revocation had ended. Returns how many were not revoked any more.
CREATE FUNCTION restore_revocations(ids uuid[], a_reason text, at_time timestamptz) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  restored integer;
BEGIN
  PERFORM pg_advisory_xact_lock(ledger_barrier());
  UPDATE vault_keys SET status = 'revoked', status_reason = a_reason, revoked_at = at_time
    WHERE id = ANY (ids) AND status <> 'revoked';
  GET DIAGNOSTICS restored = ROW_COUNT;
  RETURN restored;
END $$;

-- Sets the kill switch as it was last set, when the database only knows of an earlier change.
CREATE FUNCTION restore_kill_switch(engaged boolean, reason text, at_time timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(ledger_barrier());
  UPDATE installation SET kill_switch_engaged = engaged, kill_switch_reason = reason, kill_switch_changed_at = at_time
    WHERE only_row AND (kill_switch_changed_at IS NULL OR kill_switch_changed_at < at_time);
  RETURN FOUND;
END $$;
