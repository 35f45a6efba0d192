-- What the simulator sees of the ledger after each step. A row's version tells whether anything touched it. It keeps, apart from the ledger, which windows each call was
-- booked to, so that every sum can be computed again from the rows.
CREATE SCHEMA simulation;

-- A seed is one transaction, which is rolled back at its end: there, time must go on as between transactions.
CREATE FUNCTION simulation.now() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$ SELECT pg_catalog.clock_timestamp() $$;

CREATE TABLE simulation.coverage (
  call_id uuid, budget_id bigint, start date, mode text, need bigint, PRIMARY KEY (call_id, budget_id)
);
CREATE TABLE simulation.seen_budgets (budget_id bigint PRIMARY KEY);
-- What a budget that was made later counted from its start.
CREATE TABLE simulation.baselines (
  budget_id bigint, start date, mode text, settled bigint, PRIMARY KEY (budget_id, start, mode)
);

CREATE FUNCTION simulation.observe() RETURNS jsonb LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET jit = off AS $$
DECLARE
  calls_seen jsonb; windows_seen jsonb; keys_seen jsonb; strays integer;
BEGIN
  INSERT INTO simulation.coverage
    SELECT r.call_id, b.id, window_start(b.time_window, r.day), window_mode(b.unit, s.mode),
      CASE b.unit WHEN 'usd' THEN 0 WHEN 'calls' THEN r.accounted::integer ELSE 1 END
    FROM reservations r JOIN secrets s ON s.id = r.secret_id
    CROSS JOIN LATERAL unnest(r.budget_ids) AS u (id) JOIN budgets b ON b.id = u.id
    WHERE NOT EXISTS (SELECT 1 FROM simulation.coverage v WHERE v.call_id = r.call_id);
  IF EXISTS (SELECT 1 FROM budgets b WHERE NOT EXISTS (SELECT 1 FROM simulation.seen_budgets s WHERE s.budget_id = b.id)) THEN
    -- Nothing can have been booked to it yet: what it counts is what was there before.
    INSERT INTO simulation.baselines SELECT x.budget_id, x.window_start, x.mode, x.settled FROM budget_windows x
      WHERE NOT EXISTS (SELECT 1 FROM simulation.seen_budgets s WHERE s.budget_id = x.budget_id);
    INSERT INTO simulation.seen_budgets SELECT id FROM budgets ON CONFLICT DO NOTHING;
  END IF;

  SELECT jsonb_agg(jsonb_build_array(x.budget_id || '/' || x.window_start || '/' || x.mode, b.scope, b.scope_value, b.unit,
      b.time_window, x.limit_micros, x.reserved, x.settled, x.overrun, coalesce(e.reserved, 0),
      coalesce(e.settled, 0) + coalesce(i.settled, 0)))
    INTO windows_seen FROM budget_windows x JOIN budgets b ON b.id = x.budget_id
    LEFT JOIN simulation.baselines i ON i.budget_id = x.budget_id AND i.start = x.window_start AND i.mode = x.mode
    LEFT JOIN (
      SELECT v.budget_id, v.start, v.mode,
        sum(CASE WHEN c.state NOT IN ('reserved', 'unknown') THEN 0
          WHEN d.unit = 'usd' THEN micros(c.reserved_usd) ELSE v.need END) AS reserved,
        sum(CASE WHEN c.state NOT IN ('settled', 'released') THEN 0
          WHEN d.unit = 'usd' THEN micros(c.cost_usd)
            + coalesce((SELECT sum(k.micros) FROM credits k WHERE k.call_id = c.id), 0)
            - coalesce((SELECT sum(k.micros) FROM credits k WHERE k.source_call_id = c.id AND d.id = ANY (k.budget_ids)), 0)
          WHEN c.state = 'released' AND c.status_code IS NULL THEN 0 ELSE v.need END) AS settled
      FROM simulation.coverage v JOIN budgets d ON d.id = v.budget_id JOIN calls c ON c.id = v.call_id GROUP BY 1, 2, 3
    ) e ON e.budget_id = x.budget_id AND e.start = x.window_start AND e.mode = x.mode;

  SELECT jsonb_agg(jsonb_build_array(c.id, c.state, c.verdict, c.denial_code, c.vault_key_id, c.method, c.endpoint,
      micros(c.reserved_usd), micros(c.cost_usd), coalesce(micros(c.overrun_usd), 0), c.replay_of, epoch_ms(c.requested_at),
      c.xmin::text || c.ctid::text || c.tableoid::text, v.budgets))
    INTO calls_seen FROM calls c LEFT JOIN (
      SELECT o.call_id, jsonb_agg(o.budget_id || '/' || o.start || '/' || o.mode) AS budgets FROM simulation.coverage o GROUP BY 1
    ) v ON v.call_id = c.id;

  -- An open call has one reservation that holds what its row says; any other has none.
  SELECT count(*) INTO strays FROM reservations r FULL JOIN (SELECT * FROM calls WHERE state IN ('reserved', 'unknown')) c
    ON c.id = r.call_id WHERE r.call_id IS NULL OR c.id IS NULL OR r.state <> c.state OR usd(r.hold_micros) <> c.reserved_usd;

  SELECT jsonb_agg(jsonb_build_array(k.id, k.status, epoch_ms(k.expires_at), k.policy -> 'allowed_endpoints',
      k.policy -> 'per_call_usd_cap', s.deleted_at IS NOT NULL))
    INTO keys_seen FROM vault_keys k JOIN secrets s ON s.id = k.secret_id;

  RETURN jsonb_build_array(coalesce(calls_seen, '[]'), coalesce(windows_seen, '[]'), coalesce(keys_seen, '[]'), strays,
    (SELECT kill_switch_engaged FROM installation));
END $$;

-- What the ledger says at the instant at which a call's first byte leaves. `stoppedMs` is how long ago its key was revoked
-- or everything was stopped.
CREATE FUNCTION simulation.send_rights(a_call uuid) RETURNS jsonb LANGUAGE sql VOLATILE AS $$
  SELECT jsonb_build_object('state', r.state, 'isLeased', p.stopped_at IS NULL AND p.lease_until > pg_catalog.clock_timestamp(),
    'isExpired', coalesce(k.expires_at <= pg_catalog.clock_timestamp(), false),
    'ageMs', public.epoch_ms(pg_catalog.clock_timestamp()) - public.epoch_ms(r.requested_at),
    'stoppedMs', public.epoch_ms(pg_catalog.clock_timestamp()) - public.epoch_ms(least(
      CASE WHEN k.status = 'revoked' THEN k.revoked_at END,
      CASE WHEN i.kill_switch_engaged THEN i.kill_switch_changed_at END)))
  FROM public.reservations r JOIN public.replicas p ON p.epoch = r.epoch LEFT JOIN public.vault_keys k ON k.id = r.vault_key_id
  CROSS JOIN public.installation i WHERE r.call_id = a_call
$$;
