-- Alerts: what an operator should look at, where it is to be told, and how far that came.

-- Where alerts go. The address is a credential (whoever has a Slack webhook's may write there), so it is sealed like a
-- vendor's, together with the secret that signs.
CREATE TABLE alert_channels (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('webhook', 'slack')),
  -- Scheme, host and port of the address: all of it that may be shown.
  origin text NOT NULL,
  version integer NOT NULL DEFAULT 1,
  envelope bytea NOT NULL,
  -- Which kinds of alerts it wants; empty = every kind.
  events text[] NOT NULL DEFAULT '{}',
  min_severity text NOT NULL DEFAULT 'info' CHECK (min_severity IN ('info', 'warning', 'critical')),
  enabled boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL DEFAULT now(),
  deleted_at timestamptz
);
CREATE UNIQUE INDEX alert_channels_name ON alert_channels (name) WHERE deleted_at IS NULL;
CREATE TRIGGER check_envelope BEFORE INSERT OR UPDATE OF envelope ON alert_channels FOR EACH ROW EXECUTE FUNCTION check_envelope();

-- INVARIANT: one row for what is one thing to tell. Any number of replicas may find it; the key lets one of them raise it.
CREATE TABLE alerts (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  dedupe_key text NOT NULL UNIQUE,
  kind text NOT NULL,
  severity text NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
  raised_at timestamptz NOT NULL,
  title text NOT NULL,
  detail text NOT NULL,
  budget_id bigint,
  window_start date,
  mode text,
  threshold integer,
  agent_id text,
  crew_run_id text,
  vault_key_id uuid,
  call_id uuid,
  count bigint
);
CREATE INDEX alerts_by_time ON alerts (raised_at, id);

-- What is to be told to a channel. Whoever tries it pushes `next_attempt_at` ahead first: one that dies meanwhile leaves
-- it to the others, who try again.
CREATE TABLE alert_deliveries (
  alert_id uuid NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
  channel_id uuid NOT NULL REFERENCES alert_channels (id),
  state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'failed')),
  attempts integer NOT NULL DEFAULT 0,
  next_attempt_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  attempted_at timestamptz,
  last_status integer,
  last_error text,
  delivered_at timestamptz,
  PRIMARY KEY (alert_id, channel_id)
);
CREATE INDEX alert_deliveries_due ON alert_deliveries (channel_id, next_attempt_at) WHERE state = 'pending';
CREATE INDEX alert_deliveries_attempted ON alert_deliveries (channel_id, attempted_at);

-- What is looked for every few seconds, without going through what is well. Neither index costs a call anything: a hold
-- enters the first only when it becomes unknown.
CREATE INDEX reservations_unknown ON reservations (requested_at) WHERE state = 'unknown';
CREATE INDEX vault_keys_suspended ON vault_keys (id) WHERE status = 'suspended';

CREATE FUNCTION severity_rank(severity text) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
  SELECT array_position(ARRAY['info', 'warning', 'critical'], severity)
$$;

-- Raises what was found, once, with its deliveries in the same transaction, so that no alert is ever without them; what
-- is quiet gets none. What was raised before only counts on. Returns the new ones.
CREATE FUNCTION raise_alerts(found jsonb) RETURNS SETOF uuid LANGUAGE sql AS $$
  WITH wanted AS (
    SELECT * FROM jsonb_to_recordset(found) AS f (dedupe_key text, kind text, severity text, title text, detail text,
      budget_id bigint, window_start date, mode text, threshold integer, agent_id text, crew_run_id text,
      vault_key_id uuid, call_id uuid, count bigint, quiet boolean)
  ), raised AS (
    INSERT INTO alerts AS a (dedupe_key, kind, severity, raised_at, title, detail, budget_id, window_start, mode, threshold,
      agent_id, crew_run_id, vault_key_id, call_id, count)
    SELECT w.dedupe_key, w.kind, w.severity, date_trunc('milliseconds', clock_timestamp()), w.title, w.detail, w.budget_id,
      w.window_start, w.mode, w.threshold, w.agent_id, w.crew_run_id, w.vault_key_id, w.call_id, w.count
    FROM wanted w ORDER BY w.dedupe_key
    ON CONFLICT (dedupe_key) DO UPDATE SET count = excluded.count, detail = excluded.detail WHERE a.count < excluded.count
    RETURNING a.*, a.xmax = 0 AS is_new
  ), fresh AS (
    SELECT r.id, r.kind, r.severity, r.dedupe_key, r.raised_at FROM raised r WHERE r.is_new
  ), sent AS (
    INSERT INTO alert_deliveries (alert_id, channel_id, next_attempt_at, expires_at)
    SELECT f.id, c.id, f.raised_at, f.raised_at + interval '24 hours'
    FROM fresh f JOIN wanted w ON w.dedupe_key = f.dedupe_key AND NOT coalesce(w.quiet, false)
    JOIN alert_channels c ON c.deleted_at IS NULL AND c.enabled AND (c.events = '{}' OR f.kind = ANY (c.events))
      AND severity_rank(f.severity) >= severity_rank(c.min_severity)
  )
  SELECT f.id FROM fresh f, LATERAL pg_notify('keybrake_alerts', f.id::text) ORDER BY f.raised_at, f.dedupe_key
$$;

-- A test alert for one channel, for whoever asks to send: it has expired already, so nobody else takes it, and nobody twice.
CREATE FUNCTION raise_test_alert(a_channel uuid) RETURNS SETOF uuid LANGUAGE plpgsql AS $$
DECLARE
  new_id uuid := gen_random_uuid();
  at_time timestamptz := date_trunc('milliseconds', clock_timestamp());
BEGIN
  IF NOT EXISTS (SELECT 1 FROM alert_channels c WHERE c.id = a_channel AND c.deleted_at IS NULL) THEN RETURN; END IF;
  INSERT INTO alerts (id, dedupe_key, kind, severity, raised_at, title, detail)
    VALUES (new_id, 'test:' || new_id, 'test', 'info', at_time, 'Test alert', 'Somebody tests this channel; nothing is wrong.');
  INSERT INTO alert_deliveries (alert_id, channel_id, attempts, attempted_at, next_attempt_at, expires_at)
    VALUES (new_id, a_channel, 1, at_time, at_time, at_time);
  PERFORM pg_notify('keybrake_alerts', new_id::text);
  RETURN NEXT new_id;
END $$;

-- Takes deliveries that are due, at most `most` of each channel that is not in `busy`, for as long as one attempt may
-- take. Others pass by what is being taken.
CREATE FUNCTION claim_alert_deliveries(busy uuid[], most integer, claim_ms integer)
RETURNS TABLE (alert_id uuid, channel_id uuid, attempts integer) LANGUAGE sql AS $$
  UPDATE alert_deliveries d SET attempts = d.attempts + 1, attempted_at = clock_timestamp(),
    next_attempt_at = clock_timestamp() + claim_ms * interval '1 millisecond'
  FROM (
    SELECT x.alert_id, x.channel_id FROM alert_channels c CROSS JOIN LATERAL (
      SELECT p.alert_id, p.channel_id FROM alert_deliveries p
      WHERE p.channel_id = c.id AND p.state = 'pending' AND p.next_attempt_at <= clock_timestamp()
        AND p.expires_at > clock_timestamp()
      ORDER BY p.next_attempt_at LIMIT most FOR UPDATE SKIP LOCKED) x
    WHERE c.enabled AND c.deleted_at IS NULL AND c.id <> ALL (busy)) due
  WHERE d.alert_id = due.alert_id AND d.channel_id = due.channel_id
  RETURNING d.alert_id, d.channel_id, d.attempts
$$;

-- What follows reads tables of any size, and on an embedded database, which keeps no statistics, the planner would guess:
-- so it is told to go by the indexes.

-- Thresholds (in percent) that were reached in a present window and are no alert yet, and windows that hold more than
-- their limit (a null threshold): of the budgets that cover a call decided since `since`, and of those numbered from
-- `after_id` to `up_to`. Nothing else can have grown, but for a changed limit, which the second part finds.
CREATE FUNCTION reached_thresholds(since timestamptz, after_id bigint, up_to bigint, thresholds integer[])
RETURNS TABLE (dedupe_key text, threshold integer, budget_id bigint, scope text, value text, time_window text, unit text,
  window_start text, mode text, used bigint, limit_amount bigint, agent_id text,
  crew_run_id text, vault_key_id uuid)
LANGUAGE sql STABLE SET enable_seqscan = off SET jit = off AS $$
  WITH recent AS MATERIALIZED (
    SELECT c.vault_key_id, c.agent_id, c.crew_run_id FROM calls c WHERE c.requested_at >= since
    ORDER BY c.requested_at DESC LIMIT 50000
  ), touched AS (
    SELECT DISTINCT s.scope, s.value
    FROM (SELECT DISTINCT r.* FROM recent r WHERE r.vault_key_id IS NOT NULL) r JOIN vault_keys v ON v.id = r.vault_key_id
    CROSS JOIN LATERAL (VALUES ('vault_key', v.id::text), ('agent_id', r.agent_id), ('crew_run_id', r.crew_run_id),
      ('secret', v.secret_id::text), ('installation', '')) AS s (scope, value)
    WHERE s.value IS NOT NULL
  ), looked AS (
    SELECT b.* FROM touched t JOIN budgets b ON b.scope = t.scope AND b.scope_value = t.value AND b.deleted_at IS NULL
    UNION
    SELECT b.* FROM budgets b WHERE b.id > after_id AND b.id <= up_to AND b.deleted_at IS NULL
  ), days AS MATERIALIZED (
    -- The window before ends with its last call, not with the last look.
    SELECT ledger_day() AS today, (since AT TIME ZONE 'UTC')::date AS before, (SELECT min(m) FROM unnest(thresholds) m) / 100.0 AS lowest
  ), used AS MATERIALIZED (
    SELECT b.*, x.window_start, x.mode, x.reserved + x.settled AS amount, x.limit_micros
    FROM days d CROSS JOIN looked b JOIN budget_windows x ON x.budget_id = b.id
      AND x.window_start = ANY (ARRAY[window_start(b.time_window, d.today), window_start(b.time_window, d.before)])
    WHERE x.reserved + x.settled > 0 AND x.reserved + x.settled >= x.limit_micros * d.lowest
  )
  SELECT k.dedupe_key, t.threshold, u.id, u.scope, coalesce(v.name, v.redacted, s.name, u.scope_value), u.time_window, u.unit, to_char(u.window_start, 'YYYY-MM-DD'), u.mode, u.amount,
    u.limit_micros, coalesce(v.agent_id, CASE u.scope WHEN 'agent_id' THEN u.scope_value END),
    coalesce(v.crew_run_id, CASE u.scope WHEN 'crew_run_id' THEN u.scope_value END), v.id
  FROM used u CROSS JOIN unnest(array_append(thresholds, NULL)) AS t (threshold)
  CROSS JOIN LATERAL (SELECT format('%s:%s:%s:%s', coalesce('threshold_' || t.threshold, 'overrun'), u.id, u.window_start, u.mode) AS dedupe_key) k
  LEFT JOIN vault_keys v ON v.id = CASE u.scope WHEN 'vault_key' THEN u.scope_value::uuid END
  LEFT JOIN secrets s ON s.id = CASE u.scope WHEN 'secret' THEN u.scope_value::uuid END
  WHERE CASE WHEN t.threshold IS NULL THEN u.amount > u.limit_micros ELSE u.amount >= u.limit_micros * (t.threshold / 100.0) END
    AND NOT EXISTS (SELECT 1 FROM alerts a WHERE a.dedupe_key = k.dedupe_key)
  ORDER BY u.id, u.window_start, u.mode, t.threshold LIMIT 500
$$;

-- Keys (null = requests without a valid one) that were refused at least `fewest` times in the last five minutes, and
-- `factor` times as often as in an average five minutes of the hour before. One alert a key and hour.
CREATE FUNCTION denial_spikes(fewest integer, factor integer)
RETURNS TABLE (dedupe_key text, vault_key_id uuid, agent_id text, crew_run_id text, recent bigint, before bigint, code text)
LANGUAGE sql STABLE SET enable_seqscan = off SET jit = off AS $$
  WITH late AS MATERIALIZED (
    SELECT d.vault_key_id, min(d.agent_id) AS agent_id, min(d.crew_run_id) AS crew_run_id,
      sum(d.recorded + d.counted)::bigint AS denials, mode() WITHIN GROUP (ORDER BY d.code) AS code
    FROM denial_counts d WHERE d.minute > clock_timestamp() - interval '5 minutes'
    GROUP BY d.vault_key_id HAVING sum(d.recorded + d.counted) >= fewest
  ), early AS (
    SELECT d.vault_key_id, sum(d.recorded + d.counted)::bigint AS denials FROM denial_counts d
    WHERE d.minute > clock_timestamp() - interval '65 minutes' AND d.minute <= clock_timestamp() - interval '5 minutes'
      AND EXISTS (SELECT 1 FROM late)
    GROUP BY d.vault_key_id
  )
  SELECT k.dedupe_key, l.vault_key_id, l.agent_id, l.crew_run_id, l.denials, coalesce(e.denials, 0), l.code
  FROM late l LEFT JOIN early e ON coalesce(e.vault_key_id, no_key()) = coalesce(l.vault_key_id, no_key())
  CROSS JOIN LATERAL (SELECT format('denials_spike:%s:%s', l.vault_key_id, epoch_ms(date_trunc('hour', clock_timestamp()))) AS dedupe_key) k
  WHERE l.denials * 12 >= factor * coalesce(e.denials, 0)
    AND NOT EXISTS (SELECT 1 FROM alerts a WHERE a.dedupe_key = k.dedupe_key)
  LIMIT 500
$$;

-- Calls of the last day whose outcome nobody knows, by key and hour, where there are more than the alert says. One that
-- only waits for its price is none of them.
CREATE FUNCTION unknown_calls() RETURNS TABLE (dedupe_key text, vault_key_id uuid, agent_id text, crew_run_id text,
  hour timestamptz, calls bigint, first_call uuid, held numeric)
LANGUAGE sql STABLE SET enable_seqscan = off SET jit = off AS $$
  SELECT k.dedupe_key, g.* FROM (
    SELECT r.vault_key_id, min(c.agent_id) AS agent_id, min(c.crew_run_id) AS crew_run_id,
      date_trunc('hour', r.requested_at) AS hour, count(*) AS calls, (array_agg(c.id ORDER BY c.id))[1] AS first_call,
      sum(c.reserved_usd) AS held
    FROM reservations r JOIN calls c ON c.id = r.call_id AND c.requested_at = r.requested_at
    WHERE r.state = 'unknown' AND r.requested_at > clock_timestamp() - interval '25 hours' AND r.vault_key_id IS NOT NULL
      AND NOT (c.vendor_object_id IS NOT NULL AND c.status_code BETWEEN 200 AND 299)
    GROUP BY r.vault_key_id, date_trunc('hour', r.requested_at)) g
  CROSS JOIN LATERAL (SELECT format('unknown_calls:%s:%s', g.vault_key_id, epoch_ms(g.hour)) AS dedupe_key) k
  WHERE NOT EXISTS (SELECT 1 FROM alerts a WHERE a.dedupe_key = k.dedupe_key AND a.count >= g.calls)
  LIMIT 500
$$;

-- Keys that the ledger has suspended, with the call that cost more than was held for it.
CREATE FUNCTION suspended_keys() RETURNS TABLE (dedupe_key text, vault_key_id uuid, agent_id text, crew_run_id text,
  reason text, call_id uuid, overrun numeric)
LANGUAGE sql STABLE SET enable_seqscan = off SET jit = off AS $$
  SELECT k.dedupe_key, v.id, v.agent_id, v.crew_run_id, v.status_reason, c.id, c.overrun_usd
  FROM vault_keys v
  CROSS JOIN LATERAL (SELECT format('key_suspended:%s:%s', v.id, v.policy_version) AS dedupe_key) k
  LEFT JOIN LATERAL (
    SELECT x.id, x.overrun_usd FROM calls x
    WHERE x.vault_key_id = v.id AND x.requested_at > clock_timestamp() - interval '1 hour' AND x.overrun_usd > 0
    ORDER BY x.requested_at DESC LIMIT 1) c ON true
  WHERE v.status = 'suspended' AND NOT EXISTS (SELECT 1 FROM alerts a WHERE a.dedupe_key = k.dedupe_key)
  LIMIT 500
$$;

-- Everything that another master key than the one in use has sealed, the addresses of channels among it.
CREATE OR REPLACE FUNCTION sealed_before(most integer) RETURNS TABLE (table_name text, row_id text, vendor text, version integer, envelope bytea)
LANGUAGE sql STABLE AS $$
  SELECT x.* FROM (
    SELECT 'install_keys', k.name, '', 1, k.envelope FROM install_keys k
    UNION ALL
    SELECT 'secrets', s.id::text, s.vendor, s.version, s.envelope FROM secrets s
    UNION ALL
    SELECT 'alert_channels', c.id::text, '', c.version, c.envelope FROM alert_channels c
  ) AS x (table_name, row_id, vendor, version, envelope), master_key m
  WHERE envelope_key_id(x.envelope) <> m.active_id ORDER BY 1, 2 LIMIT most
$$;

-- What the runtime role may do, as before, and with alerts: they are no part of the audit log.
ALTER FUNCTION grant_runtime(text) RENAME TO grant_ledger;
CREATE FUNCTION grant_runtime(app_role text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM grant_ledger(app_role);
  EXECUTE format('GRANT INSERT, UPDATE ON alert_channels, alerts, alert_deliveries TO %I', app_role);
  EXECUTE format('GRANT DELETE ON alerts TO %I', app_role);
END $$;
REVOKE ALL ON FUNCTION grant_runtime(text) FROM PUBLIC;
