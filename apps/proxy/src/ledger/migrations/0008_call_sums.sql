-- What the calls of past hours add up to, so that a sum over months reads hours instead of calls. Made behind the hot path
-- from rows that are final; no proof of anything, because it can be made again from the calls at any time.

CREATE TABLE call_hours (
  hour timestamptz NOT NULL,
  vault_key_id uuid,
  agent_id text,
  crew_run_id text,
  vendor text,
  endpoint text,
  -- Of the key's secret, which never changes it; null without a key.
  mode text,
  -- Integers, because they are added up by the hundred thousand.
  allowed integer NOT NULL,
  denied integer NOT NULL,
  cost_micros bigint NOT NULL,
  first_at timestamptz NOT NULL,
  last_at timestamptz NOT NULL
);
CREATE INDEX call_hours_by_time ON call_hours (hour);
CREATE INDEX call_hours_by_run ON call_hours (crew_run_id, hour);

-- Calls of those hours that had no final outcome when their hour was summed up: they are added when they have one. As long
-- as a call has a reservation, what stands here and there says all of it.
CREATE TABLE unsummed_calls (
  call_id uuid PRIMARY KEY,
  requested_at timestamptz NOT NULL,
  vault_key_id uuid,
  agent_id text,
  crew_run_id text,
  vendor text,
  endpoint text,
  mode text
);

-- Every call before this instant stands in one of the two tables above, every later one in none.
CREATE TABLE call_sums (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  summed_to timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO call_sums DEFAULT VALUES;

-- The latest hour that may be summed up ends here. A call gets its time when it is decided and is committed seconds later,
-- and a clock that is set back by less than an hour meets no hour that was summed up.
CREATE FUNCTION summable_to() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
  SELECT date_trunc('hour', clock_timestamp(), 'UTC') - interval '1 hour'
$$;

-- Sums up the next hour that has calls; false = there was none left. One transaction, one replica at a time.
CREATE FUNCTION sum_next_hour() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  until timestamptz := summable_to();
  start timestamptz;
BEGIN
  PERFORM pg_advisory_xact_lock(7301004);
  SELECT summed_to INTO start FROM call_sums;
  IF start > until THEN
    -- The clock was set back since, at most an hour ago by its own time: from there on calls may come again.
    start := until - interval '1 hour';
    DELETE FROM call_hours WHERE hour >= start;
    DELETE FROM unsummed_calls WHERE requested_at >= start;
  END IF;
  SELECT date_trunc('hour', min(c.requested_at), 'UTC') INTO start FROM calls c
    WHERE c.requested_at >= start AND c.requested_at < until;
  UPDATE call_sums SET summed_to = coalesce(start + interval '1 hour', until);
  IF start IS NULL THEN RETURN false; END IF;
  WITH seen AS MATERIALIZED (
    SELECT c.id, c.requested_at, c.state, c.verdict, c.vault_key_id, c.agent_id, c.crew_run_id, c.vendor, c.endpoint, z.mode,
      c.cost_usd
    FROM calls c LEFT JOIN vault_keys k ON k.id = c.vault_key_id LEFT JOIN secrets z ON z.id = k.secret_id
    WHERE c.requested_at >= start AND c.requested_at < start + interval '1 hour'
  ), pending AS (
    INSERT INTO unsummed_calls (call_id, requested_at, vault_key_id, agent_id, crew_run_id, vendor, endpoint, mode)
    SELECT s.id, s.requested_at, s.vault_key_id, s.agent_id, s.crew_run_id, s.vendor, s.endpoint, s.mode FROM seen s WHERE s.state IN ('reserved', 'unknown')
  )
  INSERT INTO call_hours (hour, vault_key_id, agent_id, crew_run_id, vendor, endpoint, mode, allowed, denied, cost_micros, first_at, last_at)
    SELECT start, s.vault_key_id, s.agent_id, s.crew_run_id, s.vendor, s.endpoint, s.mode, count(*) FILTER (WHERE s.verdict = 'allow'),
      count(*) FILTER (WHERE s.verdict = 'deny'), micros(sum(s.cost_usd)), min(s.requested_at), max(s.requested_at)
    FROM seen s WHERE s.state NOT IN ('reserved', 'unknown') GROUP BY 2, 3, 4, 5, 6, 7;
  RETURN true;
END $$;

-- Adds the calls that have got their final outcome since, and forgets what retention removed. Sums are not merged: a late
-- call adds a row of its own.
CREATE FUNCTION sum_late_calls() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  kept_from timestamptz := coalesce((SELECT max(t.calls_before) FROM audit_tombstones t), '-infinity');
BEGIN
  PERFORM pg_advisory_xact_lock(7301004);
  DELETE FROM call_hours WHERE hour < kept_from;
  DELETE FROM unsummed_calls WHERE requested_at < kept_from;
  WITH ended AS (
    DELETE FROM unsummed_calls u USING calls c
    WHERE c.id = u.call_id AND c.requested_at = u.requested_at AND c.state NOT IN ('reserved', 'unknown')
    RETURNING u.*, c.verdict, c.cost_usd
  )
  INSERT INTO call_hours (hour, vault_key_id, agent_id, crew_run_id, vendor, endpoint, mode, allowed, denied, cost_micros, first_at, last_at)
    SELECT date_trunc('hour', e.requested_at, 'UTC'), e.vault_key_id, e.agent_id, e.crew_run_id, e.vendor, e.endpoint, e.mode,
      count(*) FILTER (WHERE e.verdict = 'allow'), count(*) FILTER (WHERE e.verdict = 'deny'), micros(sum(e.cost_usd)),
      min(e.requested_at), max(e.requested_at)
    FROM ended e GROUP BY 1, 2, 3, 4, 5, 6, 7;
END $$;

-- The rights of the runtime role, as they were, and to sum up.
ALTER FUNCTION grant_runtime(text) RENAME TO grant_before_sums;
CREATE FUNCTION grant_runtime(app_role text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  schema text := current_schema();
  f record;
BEGIN
  PERFORM grant_before_sums(app_role);
  FOR f IN SELECT p.oid::regprocedure AS signature FROM pg_proc p
      WHERE p.pronamespace = schema::regnamespace AND p.proname IN ('sum_next_hour', 'sum_late_calls') LOOP
    EXECUTE format('ALTER FUNCTION %s SECURITY DEFINER SET search_path = %I, pg_temp', f.signature, schema);
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f.signature);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', f.signature, app_role);
  END LOOP;
END $$;
REVOKE ALL ON FUNCTION grant_runtime(text) FROM PUBLIC;
