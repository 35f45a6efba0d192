-- The role under which the server runs, when it is another one than the owner of the tables. It may read everything, and
-- write to the audit log, the budgets and the keys only through the functions below, which run as their owner.

-- Drops a month, as before, and believes nothing of what it is told: the month must have ended more than a day ago, hold
-- no open call, and be as the tombstone says. (That its signature is right, verification finds out: keys are not here.)
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
  EXECUTE format('DROP TABLE %I', a_partition);
END $$;

-- Gives a role what the server needs, and nothing else; called by the owner after every migration, any number of times.
CREATE FUNCTION grant_runtime(app_role text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  schema text := current_schema();
  -- What writes for the role. Everything that these call runs as the owner, too.
  trusted text[] := ARRAY['ledger_apply', 'ledger_sweep', 'set_budget', 'delete_budget', 'create_vault_key',
    'update_vault_key', 'revoke_vault_keys', 'set_kill_switch', 'ensure_partitions', 'expired_months', 'drop_month',
    'chain_admin_event'];
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
  EXECUTE format('GRANT UPDATE (envelope, version, rotated_at, deleted_at) ON secrets TO %I', app_role);
  EXECUTE format('GRANT UPDATE (lease_until, stopped_at) ON replicas TO %I', app_role);
  EXECUTE format('GRANT DELETE ON admin_sessions, login_codes, exposures, idempotency_keys, duplicate_guards TO %I', app_role);
END $$;
REVOKE ALL ON FUNCTION grant_runtime(text) FROM PUBLIC;
