-- Limits that hold under floods: what a vendor's own limit did to a call and who had used it up, and refusals that are
-- counted instead of written when one key is refused without end.

-- How many requests a second the vendor takes with this credential, as the operator set it; null = not set.
ALTER TABLE secrets ADD COLUMN requests_per_second numeric CHECK (requests_per_second > 0);

-- Set when the vendor refused the call because too many came: who had called in the window before.
ALTER TABLE calls ADD COLUMN throttled_by jsonb;

-- As it was for every call that no vendor's limit refused.
CREATE OR REPLACE FUNCTION outcome_digest(c calls) RETURNS bytea LANGUAGE sql STABLE AS $$
  SELECT sha256(convert_to((jsonb_build_array('outcome', c.id, epoch_ms(c.completed_at), c.state, c.status_code,
    c.amount, c.currency, c.cost_usd, c.overrun_usd, c.customer_id, c.vendor_request_id, c.vendor_object_id,
    c.latency_ms, c.upstream_ms, c.outcome_reason)
    || CASE WHEN c.throttled_by IS NULL THEN '[]' ELSE jsonb_build_array(c.throttled_by) END)::text, 'UTF8'))
$$;

-- Refusals of one key (null = of requests without one) with one code, in one minute, at one replica: how many have a
-- row in calls, and how many beyond those were only counted.
CREATE TABLE denial_counts (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  epoch bigint NOT NULL,
  minute timestamptz NOT NULL,
  vault_key_id uuid,
  code text NOT NULL,
  agent_id text,
  crew_run_id text,
  vendor text,
  recorded bigint NOT NULL,
  counted bigint NOT NULL,
  last_at timestamptz NOT NULL,
  -- The link of the epoch's chain that states the count; null while every refusal has a row.
  last_seq bigint,
  replica text NOT NULL
) WITH (fillfactor = 50);
CREATE FUNCTION no_key() RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT '00000000-0000-0000-0000-000000000000'::uuid $$;
CREATE UNIQUE INDEX denial_counts_group ON denial_counts (epoch, minute, coalesce(vault_key_id, no_key()), code);
CREATE INDEX denial_counts_by_time ON denial_counts (minute, id);

CREATE FUNCTION denials_digest(d denial_counts) RETURNS bytea LANGUAGE sql STABLE AS $$
  SELECT sha256(convert_to(jsonb_build_array('denials', d.id, d.epoch, epoch_ms(d.minute), d.vault_key_id, d.code, d.agent_id,
    d.crew_run_id, d.vendor, d.recorded, d.counted, epoch_ms(d.last_at), d.last_seq, d.replica)::text, 'UTF8'))
$$;

-- The number of the link that the caller, who holds the epoch's row lock, will append.
CREATE FUNCTION next_seq(an_epoch bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT coalesce(max(seq), 0) + 1 FROM audit_chain WHERE epoch = an_epoch
$$;

-- Whether a flush whose answer was lost has committed; waits for it if it is still running. If it has not, it never will:
-- flushes have odd numbers, and the even one behind it lets nothing pass that comes late.
CREATE FUNCTION flush_fate(an_epoch bigint, a_number bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  last_number bigint := (SELECT p.flushed FROM replicas p WHERE p.epoch = an_epoch FOR UPDATE);
BEGIN
  UPDATE replicas SET flushed = a_number + 1 WHERE epoch = an_epoch AND flushed < a_number;
  RETURN coalesce(last_number = a_number, false);
END $$;

-- Drops a month, as before, and its counts of refusals with it; believes nothing of what it is told.
CREATE OR REPLACE FUNCTION drop_month(a_partition text, before timestamptz, removed bigint, a_heads jsonb, a_signature bytea)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(7301002);
  IF to_regclass(quote_ident(a_partition)) IS NULL THEN
    RAISE EXCEPTION 'there is no month %', a_partition USING ERRCODE = 'undefined_table';
  END IF;
  IF NOT EXISTS (SELECT 1 FROM expired_months(1) e WHERE e.partition_name = a_partition AND e.calls_before = before
      AND e.calls_removed = removed AND e.heads = a_heads) THEN
    RAISE EXCEPTION 'the month % may not be dropped, or is not as the tombstone says', a_partition USING ERRCODE = 'KB005';
  END IF;
  INSERT INTO audit_tombstones (partition_name, calls_before, calls_removed, heads, signature)
    VALUES (a_partition, before, removed, a_heads, a_signature);
  DELETE FROM audit_chain WHERE written_at < before;
  DELETE FROM denial_counts WHERE minute < before;
  EXECUTE format('DROP TABLE %I', a_partition);
END $$;

-- As before, and over the counts of refusals, too. A count grows for a minute, and the last link that names it must state
-- it: `counts` counts those links.
DROP FUNCTION verify_links(bigint, bigint, bytea, integer, timestamptz, timestamptz);
CREATE FUNCTION verify_links(an_epoch bigint, after_seq bigint, after_hash bytea, most integer, before timestamptz,
  kept_from timestamptz, OUT last_seq bigint, OUT last_hash bytea, OUT links integer, OUT decisions bigint,
  OUT outcomes bigint, OUT admins bigint, OUT counts bigint, OUT bad_seq bigint, OUT problem text)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  link audit_chain;
  bad record;
BEGIN
  last_seq := after_seq; last_hash := after_hash; links := 0; decisions := 0; outcomes := 0; admins := 0; counts := 0;
  FOR link IN SELECT * FROM audit_chain WHERE epoch = an_epoch AND seq > after_seq ORDER BY seq LIMIT most LOOP
    IF link.seq <> last_seq + 1 THEN bad_seq := last_seq + 1; problem := 'the link is missing'; RETURN; END IF;
    bad_seq := link.seq;
    IF link.prev_hash <> last_hash THEN problem := 'the link does not continue the one before it'; RETURN; END IF;
    IF link.hash <> sha256(link.prev_hash || (SELECT string_agg(d, ''::bytea ORDER BY o) FROM unnest(link.digests) WITH ORDINALITY AS u (d, o))) THEN
      problem := 'the link''s hash does not match its entries'; RETURN;
    END IF;
    SELECT u.id, u.what, CASE u.what WHEN 'admin' THEN e.id IS NULL WHEN 'denials' THEN d.id IS NULL ELSE c.id IS NULL END AS missing INTO bad
      FROM unnest(link.call_ids, link.requested_ats, link.kinds, link.digests) AS u (id, at, what, digest)
      LEFT JOIN calls c ON c.id = u.id AND c.requested_at = u.at AND u.what NOT IN ('admin', 'denials')
      LEFT JOIN admin_events e ON e.id = u.id AND u.what = 'admin'
      LEFT JOIN denial_counts d ON d.id = u.id AND u.what = 'denials'
      WHERE u.at >= kept_from AND CASE u.what
        WHEN 'admin' THEN e.id IS NULL OR u.digest <> admin_event_digest(e)
        WHEN 'denials' THEN coalesce(d.last_seq, 0) < link.seq
          OR (d.last_seq = link.seq AND u.digest <> denials_digest(d))
        ELSE c.id IS NULL
          OR (u.what = 'decision' AND u.digest <> decision_digest(c))
          OR (u.what = 'outcome' AND u.digest <> outcome_digest(c))
          OR (u.what = 'unknown' AND c.state = 'unknown' AND u.digest <> outcome_digest(c)) END
      LIMIT 1;
    IF FOUND THEN
      problem := CASE
        WHEN bad.what = 'admin' AND bad.missing THEN format('admin event %s is missing', bad.id)
        WHEN bad.what = 'admin' THEN format('admin event %s was changed', bad.id)
        WHEN bad.what = 'denials' AND bad.missing THEN format('the count of denials %s is missing', bad.id)
        WHEN bad.what = 'denials' THEN format('the count of denials %s was changed', bad.id)
        WHEN bad.missing THEN format('call %s is missing', bad.id)
        ELSE format('the %s of call %s was changed', bad.what, bad.id) END;
      RETURN;
    END IF;
    links := links + 1; last_seq := link.seq; last_hash := link.hash;
    SELECT decisions + count(*) FILTER (WHERE u.what = 'decision' AND u.at < before),
        outcomes + count(*) FILTER (WHERE u.what = 'outcome' AND link.written_at < before),
        admins + count(*) FILTER (WHERE u.what = 'admin' AND u.at < before),
        counts + count(*) FILTER (WHERE u.what = 'denials' AND u.at < before - interval '1 minute'
          AND (SELECT d.last_seq FROM denial_counts d WHERE d.id = u.id) = link.seq)
      INTO decisions, outcomes, admins, counts FROM unnest(link.call_ids, link.kinds, link.requested_ats) AS u (id, what, at)
      WHERE u.at >= kept_from;
  END LOOP;
  bad_seq := NULL;
END $$;

-- The role under which the server runs, when it is another one than the owner of the tables. It may read everything, and
-- write to the audit log, the budgets and the keys only through the functions that this lists, which run as their owner.
-- Gives it that, and nothing else; called by the owner after every migration, any number of times.
CREATE FUNCTION grant_runtime(app_role text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  schema text := current_schema();
  -- What writes for the role. Everything that these call runs as the owner, too.
  trusted text[] := ARRAY['ledger_apply', 'ledger_sweep', 'set_budget', 'delete_budget', 'create_vault_key',
    'update_vault_key', 'revoke_vault_keys', 'set_kill_switch', 'ensure_partitions', 'expired_months', 'drop_month',
    'chain_admin_event', 'claim_master_key', 'check_envelope', 'begin_master_key_rotation', 'finish_master_key_rotation',
    'flush_fate', 'freeze_history', 'close_history', 'accept_history'];
  f record;
BEGIN
  IF has_schema_privilege(app_role, schema, 'CREATE') THEN
    -- Whoever can make a function in this schema can have the owner call it.
    RAISE EXCEPTION 'the role % may create objects in the schema %', app_role, schema
      USING HINT = format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC, %I', schema, app_role), ERRCODE = 'KB005';
  END IF;
  FOR f IN SELECT p.oid::regprocedure AS signature FROM pg_proc p
      WHERE p.pronamespace = schema::regnamespace AND p.proname = ANY (trusted) LOOP
    -- With a path of its own, so that nobody can put another table or function in front.
    EXECUTE format('ALTER FUNCTION %s SECURITY DEFINER SET search_path = %I, pg_temp', f.signature, schema);
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f.signature);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', f.signature, app_role);
  END LOOP;
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', schema, app_role);
  EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA %I FROM %I', schema, app_role);
  EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO %I', schema, app_role);
  -- The months to come.
  EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %I GRANT SELECT ON TABLES TO %I', schema, app_role);
  EXECUTE format('GRANT INSERT ON admin_events, admin_tokens, admin_sessions, login_codes, secrets, install_keys, replicas TO %I', app_role);
  EXECUTE format('GRANT UPDATE (revoked_at) ON admin_tokens TO %I', app_role);
  EXECUTE format('GRANT UPDATE (seen_at) ON admin_sessions TO %I', app_role);
  EXECUTE format('GRANT UPDATE (envelope, version, rotated_at, deleted_at, requests_per_second) ON secrets TO %I', app_role);
  EXECUTE format('GRANT UPDATE (envelope) ON install_keys TO %I', app_role);
  EXECUTE format('GRANT UPDATE (lease_until, stopped_at) ON replicas TO %I', app_role);
  EXECUTE format('GRANT DELETE ON admin_sessions, login_codes, exposures, idempotency_keys, duplicate_guards TO %I', app_role);
END $$;
REVOKE ALL ON FUNCTION grant_runtime(text) FROM PUBLIC;
