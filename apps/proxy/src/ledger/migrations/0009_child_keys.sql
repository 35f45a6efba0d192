-- Child keys: a key below another one, which may do no more than that and whose calls count in both.

-- The keys above it, nearest first; both are fixed when a key is made. At most three, so that a chain is four deep.
ALTER TABLE vault_keys ADD COLUMN parent_id uuid REFERENCES vault_keys (id);
ALTER TABLE vault_keys ADD COLUMN ancestor_ids uuid[] NOT NULL DEFAULT '{}';
ALTER TABLE vault_keys ADD CONSTRAINT vault_keys_ancestors CHECK (cardinality(ancestor_ids) <= 3
  AND coalesce(ancestor_ids[1] = parent_id, parent_id IS NULL AND ancestor_ids = '{}'));
CREATE INDEX vault_keys_parent ON vault_keys (parent_id, created_at, id) WHERE parent_id IS NOT NULL;
CREATE INDEX vault_keys_ancestors ON vault_keys USING gin (ancestor_ids) WHERE ancestor_ids <> '{}';

-- The keys above the one that asks, as its replica knows them; null = none.
ALTER TYPE ledger_op ADD ATTRIBUTE ancestor_ids uuid[];

-- As before; of a child the keys above it are read with it, once every lock is held, and their budgets cover its calls.
CREATE OR REPLACE FUNCTION ledger_apply(an_epoch bigint, batch jsonb, a_number bigint DEFAULT NULL) RETURNS jsonb LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_material = off SET cpu_tuple_cost = 100 SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  ops ledger_op[];
  -- The same by kind: most statements concern one, and taking the array apart is what they cost.
  asked ledger_op[]; ended ledger_op[];
  has_keys boolean; has_exposures boolean; has_guards boolean;
  n integer;
  today date := ledger_day();
  at_time timestamptz := date_trunc('milliseconds', clock_timestamp());
  replica_name text; last_number bigint;
  settle_ids uuid[];
  -- Which windows each operation touches, ordered by operation; `win` numbers the locked windows below.
  cov_op integer[]; cov_win integer[]; cov_budget bigint[]; cov_start date[]; cov_mode text[]; cov_part uuid[];
  -- Whether the window is of a key above the operation's own.
  cov_above boolean[];
  -- The locked windows, in lock order.
  win_budget bigint[]; win_start date[]; win_mode text[]; win_window text[]; win_unit text[]; win_scope text[]; win_limit bigint[];
  win_reserved bigint[]; win_settled bigint[]; win_overrun bigint[];
  -- What the second read found, by operation.
  kinds text[]; codes text[]; counts boolean[]; holds bigint[]; replays uuid[]; replay_open boolean[];
  expiry_ms bigint[]; versions integer[]; fresh boolean[]; object_ids text[];
  res_states text[]; res_holds bigint[]; res_times timestamptz[]; res_accounted boolean[]; res_days date[];
  res_budgets text[]; res_keys text[]; res_vault_keys uuid[]; new_states text[]; costs bigint[]; finals boolean[]; statuses integer[]; firsts uuid[];
  -- The verdicts, by operation.
  used_after bigint[]; blocked integer[]; blocked_above boolean[]; used_at_block bigint[]; op_budgets text[]; actuals bigint[]; credited bigint[]; overruns bigint[];
  closes boolean[]; closed_ids uuid[]; counted boolean[]; this_minute timestamptz;
  i integer; p integer := 1; first integer; q integer; w integer; need bigint; best integer; rank integer;
  delta bigint; part jsonb; part_at integer; parts jsonb; take bigint; extra bigint; was_final boolean;
  link_ids uuid[]; link_times timestamptz[]; link_kinds text[]; link_digests bytea[];
BEGIN
  PERFORM pg_advisory_xact_lock_shared(ledger_barrier());
  SELECT name, flushed INTO replica_name, last_number FROM replicas
    WHERE epoch = an_epoch AND stopped_at IS NULL AND lease_until > clock_timestamp() FOR UPDATE;
  IF NOT FOUND THEN RAISE EXCEPTION 'epoch % has lost its lease', an_epoch USING ERRCODE = 'KB001'; END IF;
  -- A statement that its replica gave up for lost may still arrive. What undid it has run, so it must not run now.
  -- Null comes from a caller that never gives up.
  IF a_number IS NOT NULL THEN
    IF a_number <= last_number THEN RAISE EXCEPTION 'flush % comes after flush %', a_number, last_number USING ERRCODE = 'KB002'; END IF;
    UPDATE replicas SET flushed = a_number WHERE epoch = an_epoch;
  END IF;
  UPDATE installation SET last_day = today WHERE only_row AND last_day < today;

  -- The operations come in order, numbered from 1.
  SELECT array_agg(o), count(*), array_agg(o) FILTER (WHERE o.kind = 'reserve'), array_agg(o) FILTER (WHERE o.kind = 'settle'),
      array_agg(o.id) FILTER (WHERE o.kind = 'settle'), bool_or(o.idempotency_key IS NOT NULL), bool_or(o.exposure_id IS NOT NULL),
      bool_or(o.duplicate_key IS NOT NULL)
    INTO ops, n, asked, ended, settle_ids, has_keys, has_exposures, has_guards FROM jsonb_populate_recordset(NULL::ledger_op, batch) o;
  IF has_exposures THEN
    PERFORM 1 FROM exposures e
      WHERE (e.secret_id, e.object_id) IN (SELECT o.secret_id, o.exposure_id FROM unnest(ops) o WHERE o.exposure_id IS NOT NULL)
      ORDER BY e.secret_id, e.object_id FOR UPDATE;
  END IF;

  -- Coverage: budgets of a new call by scope, of an open one as it was reserved, of a credit as its parts were.
  SELECT array_agg(c.i), array_agg(c.idx), array_agg(c.budget_id), array_agg(c.start), array_agg(c.mode), array_agg(c.part), array_agg(c.above)
    INTO cov_op, cov_win, cov_budget, cov_start, cov_mode, cov_part, cov_above
    FROM (
      SELECT d.*, dense_rank() OVER (ORDER BY d.budget_id, d.start, d.mode) AS idx FROM (
        SELECT o.i, b.id AS budget_id, window_start(b.time_window, today) AS start,
            window_mode(b.unit, z.mode) AS mode, NULL::uuid AS part,
            CASE b.time_window WHEN 'total' THEN 1 WHEN 'monthly' THEN 2 ELSE 3 END AS rank, s.above
          FROM unnest(asked) o JOIN secrets z ON z.id = o.secret_id
          CROSS JOIN LATERAL (VALUES ('vault_key', o.vault_key_id::text, false), ('agent_id', o.agent_id, false),
              ('crew_run_id', o.crew_run_id, false), ('secret', o.secret_id::text, false), ('installation', '', false)
            UNION ALL SELECT 'vault_key', a.id::text, true FROM unnest(o.ancestor_ids) AS a (id)) AS s (scope, value, above)
          JOIN budgets b ON b.scope = s.scope AND b.scope_value = s.value AND b.deleted_at IS NULL
        UNION ALL
        SELECT o.i, b.id, window_start(b.time_window, r.day), window_mode(b.unit, z.mode), NULL, 4, false
          FROM unnest(ended) o JOIN reservations r ON r.call_id = o.id JOIN secrets z ON z.id = r.secret_id
          CROSS JOIN LATERAL unnest(r.budget_ids) AS u (budget_id) JOIN budgets b ON b.id = u.budget_id
        UNION ALL
        SELECT o.i, b.id, window_start(b.time_window, (x ->> 'day')::date), window_mode(b.unit, z.mode), (x ->> 'call')::uuid, 5, false
          FROM unnest(ended) o JOIN secrets z ON z.id = o.secret_id
          JOIN exposures e ON e.secret_id = o.secret_id AND e.object_id = o.exposure_id
          CROSS JOIN LATERAL jsonb_array_elements(e.parts) AS x
          CROSS JOIN LATERAL jsonb_array_elements_text(x -> 'budgets') AS u (budget_id)
          JOIN budgets b ON b.id = u.budget_id::bigint
          WHERE o.exposure_final
      ) d ORDER BY d.i, d.rank, idx
    ) c;

  INSERT INTO budget_windows (budget_id, window_start, mode, limit_micros)
    SELECT DISTINCT c.budget_id, c.start, c.mode, b.limit_amount
    FROM unnest(cov_budget, cov_start, cov_mode) AS c (budget_id, start, mode) JOIN budgets b ON b.id = c.budget_id
    WHERE NOT EXISTS (SELECT 1 FROM budget_windows x
      WHERE x.budget_id = c.budget_id AND x.window_start = c.start AND x.mode = c.mode)
    ORDER BY 1, 2, 3
  ON CONFLICT DO NOTHING;
  SELECT array_agg(l.budget_id), array_agg(l.window_start), array_agg(l.mode), array_agg(l.time_window),
      array_agg(l.unit), array_agg(l.scope), array_agg(l.limit_micros), array_agg(l.reserved), array_agg(l.settled), array_agg(l.overrun)
    INTO win_budget, win_start, win_mode, win_window, win_unit, win_scope, win_limit, win_reserved, win_settled, win_overrun
    FROM (
      SELECT x.budget_id, x.window_start, x.mode, b.time_window, b.unit, b.scope, x.limit_micros, x.reserved, x.settled, x.overrun
      FROM (SELECT DISTINCT budget_id, start, mode FROM unnest(cov_budget, cov_start, cov_mode) AS u (budget_id, start, mode)) c
      JOIN budget_windows x ON x.budget_id = c.budget_id AND x.window_start = c.start AND x.mode = c.mode
      JOIN budgets b ON b.id = x.budget_id
      ORDER BY x.budget_id, x.window_start, x.mode FOR UPDATE OF x
    ) l;

  -- Claim idempotency keys: a key that nobody holds, or that is older than Stripe's memory of it less an hour.
  IF has_keys THEN
    INSERT INTO idempotency_keys AS k (key_hash, fingerprint, call_id, requested_at, open_call_id)
      SELECT DISTINCT ON (o.idempotency_key) o.idempotency_key, o.fingerprint, o.id, at_time, o.id
      FROM unnest(asked) o WHERE o.idempotency_key IS NOT NULL
      ORDER BY o.idempotency_key, o.i
    ON CONFLICT (key_hash) DO UPDATE SET fingerprint = excluded.fingerprint, call_id = excluded.call_id,
        requested_at = excluded.requested_at, open_call_id = excluded.open_call_id
      WHERE k.open_call_id IS NULL AND k.requested_at < at_time - interval '23 hours';
    UPDATE idempotency_keys k SET open_call_id = c.id
      FROM (SELECT DISTINCT ON (o.idempotency_key, o.fingerprint) o.idempotency_key, o.fingerprint, o.id FROM unnest(asked) o
        WHERE o.idempotency_key IS NOT NULL ORDER BY o.idempotency_key, o.fingerprint, o.i) c
      WHERE k.key_hash = c.idempotency_key AND k.open_call_id IS NULL AND k.fingerprint = c.fingerprint;
  END IF;
  IF has_guards THEN
    INSERT INTO duplicate_guards AS g (fingerprint, call_id, requested_at, seconds)
      SELECT DISTINCT ON (o.duplicate_key) o.duplicate_key, o.id, at_time, o.duplicate_seconds
      FROM unnest(asked) o WHERE o.duplicate_key IS NOT NULL ORDER BY o.duplicate_key, o.i
    ON CONFLICT (fingerprint) DO UPDATE SET call_id = excluded.call_id, requested_at = excluded.requested_at, seconds = excluded.seconds
      WHERE g.requested_at <= excluded.requested_at - excluded.seconds * interval '1 second';
  END IF;
  PERFORM 1 FROM reservations r WHERE r.call_id = ANY (settle_ids) ORDER BY r.call_id FOR UPDATE;

  -- Only now, with every lock held: may this key still act?
  SELECT array_agg(f.kind), array_agg(f.code), array_agg(f.counts), array_agg(f.hold), array_agg(f.replay_of),
      array_agg(f.replay_open), array_agg(f.expiry_ms), array_agg(f.version), array_agg(f.is_new), array_agg(f.exposure_id),
      array_agg(f.res_state), array_agg(f.res_hold), array_agg(f.res_time), array_agg(f.res_accounted),
      array_agg(f.res_day), array_agg(f.res_budgets), array_agg(f.res_key), array_agg(f.res_vault_key),
      array_agg(f.state), array_agg(f.cost), array_agg(f.is_final), array_agg(f.status_code), array_agg(f.duplicate_of)
    INTO kinds, codes, counts, holds, replays, replay_open, expiry_ms, versions, fresh, object_ids,
      res_states, res_holds, res_times, res_accounted, res_days, res_budgets, res_keys, res_vault_keys, new_states, costs,
      finals, statuses, firsts
    FROM (
      SELECT o.kind, CASE
          WHEN o.kind = 'deny' THEN o.denial_code
          WHEN o.kind = 'settle' THEN NULL
          WHEN s.kill_switch_engaged THEN 'kill_switch_engaged'
          WHEN o.own THEN CASE WHEN c.id IS NULL OR c.deleted_at IS NOT NULL THEN 'vault_key_revoked' END
          WHEN v.id IS NULL THEN 'vault_key_invalid'
          WHEN v.status <> 'active' OR a.inactive > 0 OR c.deleted_at IS NOT NULL OR c.id IS NULL THEN 'vault_key_revoked'
          WHEN least(v.expires_at, a.expires_at) <= at_time THEN 'vault_key_expired'
          -- Versions only grow, so their sum tells a change of any policy. Who does not know the keys above a child, as an
          -- older replica, has not counted the call in their budgets either.
          WHEN v.policy_version + coalesce(a.versions, 0) <> o.policy_version
            OR v.ancestor_ids <> coalesce(o.ancestor_ids, '{}') THEN 'stale_policy'
          WHEN k.key_hash IS NULL OR k.call_id = o.id THEN CASE WHEN g.call_id <> o.id THEN 'duplicate_call' END
          WHEN k.fingerprint <> o.fingerprint THEN 'idempotency_mismatch'
          WHEN k.open_call_id IS DISTINCT FROM o.id THEN 'idempotency_in_flight'
        END AS code,
        coalesce(o.accounted, false) AND (k.key_hash IS NULL OR k.call_id = o.id) AS counts,
        CASE WHEN o.kind <> 'reserve' OR (k.key_hash IS NOT NULL AND k.call_id <> o.id) THEN 0
          ELSE greatest(0, o.hold_micros - coalesce(e.counted_micros, 0)) END AS hold,
        CASE WHEN k.call_id <> o.id THEN k.call_id END AS replay_of,
        CASE WHEN k.call_id <> o.id THEN (SELECT x.call_id FROM reservations x WHERE x.call_id = k.call_id) IS NOT NULL END AS replay_open,
        g.call_id AS duplicate_of,
        floor(extract(epoch FROM least(v.expires_at, a.expires_at) - clock_timestamp()) * 1000)::bigint AS expiry_ms, c.version,
        e.object_id IS NULL AND count(*) OVER (PARTITION BY o.secret_id, o.exposure_id) = 1 AS is_new, o.exposure_id,
        r.state AS res_state, r.hold_micros AS res_hold, r.requested_at AS res_time, r.accounted AS res_accounted,
        r.day AS res_day, to_jsonb(r.budget_ids)::text AS res_budgets, r.idempotency_key_hash AS res_key,
        r.vault_key_id AS res_vault_key, o.state, coalesce(o.cost_micros, 0) AS cost,
        coalesce(o.exposure_final, false) AS is_final, o.status_code
      FROM unnest(ops) o CROSS JOIN installation s
      LEFT JOIN vault_keys v ON v.id = o.vault_key_id AND o.kind = 'reserve'
      LEFT JOIN LATERAL (SELECT count(*) FILTER (WHERE p.status <> 'active') AS inactive, min(p.expires_at) AS expires_at,
          sum(p.policy_version) AS versions FROM vault_keys p WHERE p.id = ANY (v.ancestor_ids)
        HAVING v.ancestor_ids <> '{}') a ON true
      LEFT JOIN secrets c ON c.id = o.secret_id AND o.kind = 'reserve'
      LEFT JOIN exposures e ON e.secret_id = o.secret_id AND e.object_id = o.exposure_id
      LEFT JOIN idempotency_keys k ON k.key_hash = o.idempotency_key AND o.kind = 'reserve'
      LEFT JOIN duplicate_guards g ON g.fingerprint = o.duplicate_key
      LEFT JOIN reservations r ON r.call_id = o.id AND o.kind = 'settle'
      ORDER BY o.i
    ) f;

  used_after := array_fill(NULL::bigint, ARRAY[n]); blocked := array_fill(NULL::integer, ARRAY[n]); blocked_above := array_fill(false, ARRAY[n]); used_at_block := array_fill(NULL::bigint, ARRAY[n]);
  actuals := array_fill(0::bigint, ARRAY[n]); credited := array_fill(0::bigint, ARRAY[n]); overruns := array_fill(NULL::bigint, ARRAY[n]);
  closes := array_fill(false, ARRAY[n]); op_budgets := array_fill(NULL::text, ARRAY[n]);

  FOR i IN 1..n LOOP
    first := p;
    WHILE cov_op[p] = i LOOP p := p + 1; END LOOP;

    IF kinds[i] = 'reserve' AND codes[i] IS NULL THEN
      op_budgets[i] := '{' || coalesce(array_to_string(cov_budget[first:p - 1], ','), '') || '}';
      FOR q IN first..p - 1 LOOP
        w := cov_win[q];
        need := CASE win_unit[w] WHEN 'usd' THEN holds[i] WHEN 'calls' THEN counts[i]::integer ELSE 1 END;
        IF need > 0 AND win_reserved[w] + win_settled[w] + need > win_limit[w] THEN
          blocked[i] := w;
          blocked_above[i] := cov_above[q];
          used_at_block[i] := win_reserved[w] + win_settled[w];
          codes[i] := CASE win_unit[w]
            WHEN 'usd' THEN win_window[w] || '_cap_exceeded'
            WHEN 'calls' THEN win_window[w] || '_call_cap_exceeded'
            ELSE 'monthly_request_limit' END;
          EXIT;
        END IF;
      END LOOP;
      best := 99;
      FOR q IN first..p - 1 LOOP
        w := cov_win[q];
        need := CASE win_unit[w] WHEN 'usd' THEN holds[i] WHEN 'calls' THEN counts[i]::integer ELSE 1 END;
        IF codes[i] IS NULL THEN win_reserved[w] := win_reserved[w] + need; END IF;
        IF win_unit[w] = 'usd' THEN
          rank := CASE WHEN win_scope[w] = 'vault_key' AND NOT cov_above[q] THEN 0 ELSE 10 END
            + CASE win_window[w] WHEN 'daily' THEN 1 WHEN 'monthly' THEN 2 ELSE 3 END;
          IF rank < best THEN best := rank; used_after[i] := win_reserved[w] + win_settled[w]; END IF;
        END IF;
      END LOOP;
    END IF;

    IF kinds[i] = 'settle' AND (res_states[i] = 'reserved' OR (res_states[i] = 'unknown' AND new_states[i] <> 'unknown'))
      AND NOT ops[i].id = ANY (coalesce(closed_ids, '{}')) THEN
      closes[i] := true;
      closed_ids := closed_ids || ops[i].id;
      delta := costs[i];
      -- What counts is an object's whole exposure; only the part not yet counted costs now. A new object, the common
      -- case, is counted in full and written with all others of its kind below.
      IF new_states[i] = 'settled' AND object_ids[i] IS NOT NULL AND NOT fresh[i] THEN
        SELECT e.counted_micros, e.parts, e.is_final INTO need, parts, was_final FROM exposures e
          WHERE e.secret_id = ops[i].secret_id AND e.object_id = object_ids[i];
        need := coalesce(need, 0); parts := coalesce(parts, '[]');
        -- An older answer that comes after the final one says nothing new.
        IF was_final THEN costs[i] := need; END IF;
        delta := greatest(0, costs[i] - need);
        IF delta > 0 THEN
          parts := parts || jsonb_build_array(jsonb_build_object('call', ops[i].id, 'micros', delta,
            'day', res_days[i],
            'budgets', res_budgets[i]::jsonb));
        ELSIF finals[i] AND costs[i] < need THEN
          -- No more money can move on this object: give back, latest part first, where it was counted.
          extra := need - costs[i];
          FOR part_at IN REVERSE jsonb_array_length(parts) - 1..0 LOOP
            part := parts -> part_at;
            take := least(extra, (part ->> 'micros')::bigint);
            CONTINUE WHEN take <= 0;
            FOR q IN first..p - 1 LOOP
              w := cov_win[q];
              IF cov_part[q] = (part ->> 'call')::uuid AND win_unit[w] = 'usd' THEN
                win_settled[w] := win_settled[w] - take;
              END IF;
            END LOOP;
            INSERT INTO credits (call_id, source_call_id, day, budget_ids, micros, credited_at)
              VALUES (ops[i].id, (part ->> 'call')::uuid, (part ->> 'day')::date,
                ARRAY(SELECT jsonb_array_elements_text(part -> 'budgets')::bigint), take, at_time);
            parts := jsonb_set(parts, ARRAY[part_at::text, 'micros'], to_jsonb((part ->> 'micros')::bigint - take));
            extra := extra - take;
            credited[i] := credited[i] + take;
          END LOOP;
        END IF;
        INSERT INTO exposures AS e (secret_id, object_id, currency, amount, counted_micros, parts, is_final, updated_at)
          VALUES (ops[i].secret_id, object_ids[i], ops[i].currency, coalesce(ops[i].exposure_amount, 0),
            CASE WHEN finals[i] THEN costs[i] ELSE greatest(need, costs[i]) END, parts, finals[i], at_time)
        ON CONFLICT (secret_id, object_id) DO UPDATE SET counted_micros = excluded.counted_micros, parts = excluded.parts,
          amount = CASE WHEN e.is_final THEN e.amount WHEN excluded.is_final THEN excluded.amount
            ELSE greatest(e.amount, excluded.amount) END,
          is_final = e.is_final OR excluded.is_final, updated_at = excluded.updated_at;
      END IF;
      IF new_states[i] = 'settled' THEN
        actuals[i] := delta;
        IF delta > res_holds[i] THEN overruns[i] := delta - res_holds[i]; END IF;
      END IF;
      IF new_states[i] <> 'unknown' THEN
        FOR q IN first..p - 1 LOOP
          CONTINUE WHEN cov_part[q] IS NOT NULL;
          w := cov_win[q];
          need := CASE win_unit[w] WHEN 'usd' THEN res_holds[i] WHEN 'calls' THEN res_accounted[i]::integer ELSE 1 END;
          win_reserved[w] := win_reserved[w] - need;
          -- A call that was sent stays counted as a call, whatever came of it; one never sent does not.
          win_settled[w] := win_settled[w] + CASE WHEN win_unit[w] = 'usd' THEN actuals[i]
            WHEN new_states[i] = 'released' AND statuses[i] IS NULL THEN 0 ELSE need END;
          win_overrun[w] := greatest(win_overrun[w], win_reserved[w] + win_settled[w] - win_limit[w]);
        END LOOP;
      END IF;
    END IF;
  END LOOP;

  -- Of one key and code the first 100 refusals a minute get a row, and the others are counted: no flood fills the disk.
  counted := array_fill(false, ARRAY[n]);
  IF array_remove(array_remove(codes, NULL), 'stale_policy') <> '{}' THEN
    this_minute := date_trunc('minute', at_time);
    SELECT array_agg(coalesce(r.code <> 'stale_policy' AND r.before + r.nth > 100, false) ORDER BY r.i) INTO counted FROM (
      SELECT o.i, codes[o.i] AS code, coalesce(d.recorded, 0) AS before,
        row_number() OVER (PARTITION BY o.vault_key_id, codes[o.i] ORDER BY o.i) AS nth
      FROM unnest(ops) o LEFT JOIN denial_counts d ON d.epoch = an_epoch AND d.minute = this_minute
        AND coalesce(d.vault_key_id, no_key()) = coalesce(o.vault_key_id, no_key()) AND d.code = codes[o.i]) r;
    INSERT INTO denial_counts AS d (epoch, minute, vault_key_id, code, agent_id, crew_run_id, vendor, recorded, counted,
        last_at, last_seq, replica)
      SELECT an_epoch, this_minute, o.vault_key_id, codes[o.i], min(o.agent_id),
        (SELECT v.crew_run_id FROM vault_keys v WHERE v.id = o.vault_key_id), min(o.vendor),
        count(*) FILTER (WHERE NOT counted[o.i]), count(*) FILTER (WHERE counted[o.i]), at_time,
        CASE WHEN bool_or(counted[o.i]) THEN next_seq(an_epoch) END, replica_name
      FROM unnest(ops) o WHERE codes[o.i] IS NOT NULL AND codes[o.i] <> 'stale_policy'
      GROUP BY o.vault_key_id, codes[o.i]
    ON CONFLICT (epoch, minute, coalesce(vault_key_id, no_key()), code) DO UPDATE SET
      recorded = d.recorded + excluded.recorded, counted = d.counted + excluded.counted,
      last_at = excluded.last_at, last_seq = coalesce(excluded.last_seq, d.last_seq);
  END IF;

  UPDATE budget_windows x SET reserved = c.reserved, settled = c.settled, overrun = c.overrun
    FROM unnest(win_budget, win_start, win_mode, win_reserved, win_settled, win_overrun)
      AS c (budget_id, start, mode, reserved, settled, overrun)
    WHERE x.budget_id = c.budget_id AND x.window_start = c.start AND x.mode = c.mode
      AND (x.reserved <> c.reserved OR x.settled <> c.settled OR x.overrun <> c.overrun);

  -- The rows of new calls, allowed and denied, with the digests that the chain keeps of them.
  WITH written AS (
    INSERT INTO calls (id, requested_at, completed_at, state, verdict, denial_code, denial_reason, vault_key_id, agent_id,
      crew_run_id, claimed_agent_id, claimed_crew_run_id, vendor, method, path, endpoint, status_code, amount, currency,
      direction, reserved_usd, budget_used_after_usd, customer_id, idempotency_key_hash, replay_of, metadata,
      latency_ms, replica)
    SELECT o.id, at_time, CASE WHEN codes[o.i] IS NOT NULL THEN at_time END,
      CASE WHEN codes[o.i] IS NULL THEN 'reserved' ELSE 'denied' END,
      CASE WHEN codes[o.i] IS NULL THEN 'allow' ELSE 'deny' END, codes[o.i],
      CASE WHEN o.kind = 'deny' THEN o.denial_reason WHEN blocked[o.i] IS NOT NULL THEN
        format('the %s %s budget of this %s is used up', win_window[blocked[o.i]], win_unit[blocked[o.i]],
          CASE WHEN blocked_above[o.i] THEN 'parent ' ELSE '' END || win_scope[blocked[o.i]])
        WHEN codes[o.i] = 'duplicate_call' THEN format('call %s was the same', firsts[o.i])
        ELSE replace(codes[o.i], '_', ' ') END,
      o.vault_key_id, o.agent_id, o.crew_run_id, o.claimed_agent_id, o.claimed_crew_run_id, o.vendor, o.method, o.path,
      o.endpoint, CASE WHEN o.kind = 'deny' OR codes[o.i] IS NULL THEN o.status_code ELSE denial_status(codes[o.i]) END, o.amount, o.currency, o.direction,
      CASE WHEN codes[o.i] IS NULL THEN usd(holds[o.i]) ELSE 0 END, usd(used_after[o.i]), o.customer_id,
      o.idempotency_key, CASE WHEN codes[o.i] IS NULL THEN replays[o.i] END, coalesce(o.metadata, '{}'),
      o.latency_ms, replica_name
    FROM unnest(ops) o
    WHERE o.kind <> 'settle' AND codes[o.i] IS DISTINCT FROM 'stale_policy' AND NOT counted[o.i]
      -- A denial whose commit was not acknowledged comes again. (An EXISTS could become a hash of the whole table.)
      AND NOT (o.kind = 'deny' AND (SELECT x.id FROM calls x WHERE x.id = o.id LIMIT 1) IS NOT NULL)
    RETURNING id, decision_digest(calls) AS decision, CASE WHEN state = 'denied' THEN outcome_digest(calls) END AS outcome
  ), digested AS (
    SELECT x.id, 'decision' AS what, x.decision AS digest FROM written x
    UNION ALL
    SELECT x.id, 'outcome', x.outcome FROM written x WHERE x.outcome IS NOT NULL
  )
  SELECT array_agg(g.id), array_agg(at_time), array_agg(g.what), array_agg(g.digest)
    INTO link_ids, link_times, link_kinds, link_digests FROM (SELECT * FROM digested ORDER BY id, what) g;

  INSERT INTO reservations (call_id, requested_at, epoch, deadline, day, budget_ids, hold_micros, accounted,
      vault_key_id, secret_id, idempotency_key_hash)
    SELECT o.id, at_time, an_epoch, at_time + o.deadline_ms * interval '1 millisecond', today,
      op_budgets[o.i]::bigint[],
      holds[o.i], counts[o.i], o.vault_key_id, o.secret_id, o.idempotency_key
    FROM unnest(asked) o WHERE codes[o.i] IS NULL;

  IF has_keys THEN
    -- A refused call holds no idempotency key.
    DELETE FROM idempotency_keys k USING unnest(asked) o
      WHERE codes[o.i] IS NOT NULL AND k.key_hash = o.idempotency_key AND k.call_id = o.id;
    UPDATE idempotency_keys k SET open_call_id = NULL FROM unnest(asked) o
      WHERE codes[o.i] IS NOT NULL AND k.key_hash = o.idempotency_key AND k.open_call_id = o.id;
  END IF;

  IF has_guards THEN
    DELETE FROM duplicate_guards g USING unnest(asked) o
      WHERE codes[o.i] IS NOT NULL AND o.duplicate_key IS NOT NULL AND g.call_id = o.id;
  END IF;

  IF closed_ids IS NOT NULL THEN
    INSERT INTO exposures AS e (secret_id, object_id, currency, amount, counted_micros, parts, is_final, updated_at)
      SELECT o.secret_id, o.exposure_id, o.currency, coalesce(o.exposure_amount, 0), costs[o.i],
        jsonb_build_array(jsonb_build_object('call', o.id, 'micros', costs[o.i], 'day', res_days[o.i], 'budgets', res_budgets[o.i]::jsonb)),
        finals[o.i], at_time
      FROM unnest(ended) o WHERE closes[o.i] AND o.state = 'settled' AND o.exposure_id IS NOT NULL AND fresh[o.i]
      ORDER BY o.secret_id, o.exposure_id
    ON CONFLICT (secret_id, object_id) DO UPDATE SET counted_micros = e.counted_micros + excluded.counted_micros,
      parts = e.parts || excluded.parts, amount = greatest(e.amount, excluded.amount), updated_at = excluded.updated_at;
    DELETE FROM reservations r USING unnest(ended) o WHERE closes[o.i] AND o.state <> 'unknown' AND r.call_id = o.id;
    UPDATE reservations r SET state = 'unknown' FROM unnest(ended) o WHERE closes[o.i] AND o.state = 'unknown' AND r.call_id = o.id;
    DELETE FROM duplicate_guards g USING unnest(ended) o WHERE closes[o.i] AND o.state = 'released' AND g.call_id = o.id;
    IF array_remove(res_keys, NULL) <> '{}' THEN
      DELETE FROM idempotency_keys k USING unnest(ended) o
        WHERE closes[o.i] AND o.state = 'released' AND k.key_hash = res_keys[o.i] AND k.call_id = o.id;
      UPDATE idempotency_keys k SET open_call_id = NULL FROM unnest(ended) o
        WHERE closes[o.i] AND k.key_hash = res_keys[o.i] AND k.open_call_id = o.id;
    END IF;
    WITH written AS (
      UPDATE calls c SET state = o.state, completed_at = at_time, status_code = coalesce(o.status_code, c.status_code),
        amount = coalesce(o.amount, c.amount), currency = coalesce(o.currency, c.currency),
        cost_usd = usd(actuals[o.i] - credited[o.i]), overrun_usd = usd(overruns[o.i]),
        customer_id = coalesce(o.customer_id, c.customer_id), vendor_request_id = coalesce(o.vendor_request_id, c.vendor_request_id),
        vendor_object_id = coalesce(o.vendor_object_id, c.vendor_object_id), latency_ms = coalesce(o.latency_ms, c.latency_ms),
        upstream_ms = coalesce(o.upstream_ms, c.upstream_ms), outcome_reason = o.outcome_reason,
        throttled_by = coalesce(o.throttled_by, c.throttled_by)
      FROM unnest(ended) o WHERE closes[o.i] AND c.id = o.id AND c.requested_at = res_times[o.i]
      RETURNING c.id, c.requested_at, CASE c.state WHEN 'unknown' THEN 'unknown' ELSE 'outcome' END AS what, outcome_digest(c) AS digest
    )
    SELECT link_ids || array_agg(x.id), link_times || array_agg(x.requested_at), link_kinds || array_agg(x.what),
      link_digests || array_agg(x.digest) INTO link_ids, link_times, link_kinds, link_digests FROM written x;
    IF array_remove(overruns, NULL) <> '{}' THEN
      UPDATE vault_keys v SET status = 'suspended', status_reason = 'a call cost more than was reserved for it'
        FROM unnest(ended) o WHERE closes[o.i] AND overruns[o.i] > 0 AND NOT coalesce(o.may_overrun, false) AND v.id = res_vault_keys[o.i] AND v.status = 'active';
      PERFORM pg_notify('keybrake_changes', '{"type":"key.suspended"}');
    END IF;
  END IF;
  IF true = ANY (counted) THEN
    SELECT link_ids || array_agg(d.id ORDER BY d.id), link_times || array_agg(d.minute ORDER BY d.id),
        link_kinds || array_agg('denials'::text ORDER BY d.id), link_digests || array_agg(denials_digest(d) ORDER BY d.id)
      INTO link_ids, link_times, link_kinds, link_digests
      FROM denial_counts d WHERE d.epoch = an_epoch AND d.minute = this_minute AND d.last_seq = next_seq(an_epoch);
  END IF;
  PERFORM append_link(an_epoch, at_time, link_ids, link_times, link_kinds, link_digests);

  RETURN jsonb_build_object('day', today, 'at', epoch_ms(at_time), 'now', epoch_ms(clock_timestamp()), 'results', (
    SELECT jsonb_agg(jsonb_build_object('i', o.i, 'code', codes[o.i], 'hold', holds[o.i]::text, 'replay_of', replays[o.i],
        'duplicate_of', firsts[o.i], 'counted', counted[o.i], 'replay_open', replay_open[o.i], 'expiry_ms', expiry_ms[o.i], 'version', versions[o.i],
        'limit', CASE WHEN blocked[o.i] IS NOT NULL THEN jsonb_build_object(
          'scope', win_scope[blocked[o.i]], 'above', blocked_above[o.i], 'window', win_window[blocked[o.i]], 'unit', win_unit[blocked[o.i]],
          'limit', win_limit[blocked[o.i]]::text, 'used', used_at_block[o.i]::text,
          'requested', CASE win_unit[blocked[o.i]] WHEN 'usd' THEN holds[o.i] ELSE 1 END::text,
          'reset_seconds', seconds_to_reset(win_window[blocked[o.i]], win_start[blocked[o.i]])) END))
      FROM unnest(ops) o WHERE o.kind = 'reserve' OR counted[o.i]));
END $$;

-- As before; a key's budgets count what the keys below it did.
CREATE OR REPLACE FUNCTION put_budget(a_scope text, a_value text, a_window text, a_unit text, a_limit bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  the_id bigint;
  start date := window_start(a_window, ledger_day());
BEGIN
  SELECT id INTO the_id FROM budgets
    WHERE scope = a_scope AND scope_value = a_value AND time_window = a_window AND unit = a_unit AND deleted_at IS NULL FOR UPDATE;
  IF a_limit IS NULL THEN
    UPDATE budgets SET deleted_at = now() WHERE id = the_id;
    RETURN the_id;
  END IF;
  IF the_id IS NOT NULL THEN
    UPDATE budgets SET limit_amount = a_limit WHERE id = the_id;
    UPDATE budget_windows SET limit_micros = a_limit, overrun = greatest(0, reserved + settled - a_limit)
      WHERE budget_id = the_id AND window_start >= start;
    RETURN the_id;
  END IF;
  INSERT INTO budgets (scope, scope_value, time_window, unit, limit_amount)
    VALUES (a_scope, a_value, a_window, a_unit, a_limit) RETURNING id INTO the_id;
  INSERT INTO budget_windows (budget_id, window_start, mode, limit_micros, settled, overrun)
    SELECT the_id, start, u.mode, a_limit, u.used, greatest(0, u.used - a_limit) FROM (
      SELECT window_mode(a_unit, coalesce(z.mode, 'live')) AS mode, greatest(0, CASE a_unit
          WHEN 'usd' THEN coalesce(micros(sum(CASE WHEN c.state IN ('reserved', 'unknown') THEN c.reserved_usd
            -- A credit belongs to the call that was charged, in the window where it was: not to the one that gave it back.
            ELSE c.cost_usd
              + coalesce((SELECT usd(sum(k.micros)::bigint) FROM credits k WHERE k.call_id = c.id), 0)
              - coalesce((SELECT usd(sum(k.micros)::bigint) FROM credits k WHERE k.source_call_id = c.id), 0) END)), 0)
          WHEN 'calls' THEN count(*) FILTER (WHERE c.method NOT IN ('GET', 'HEAD') AND c.replay_of IS NULL
            AND NOT (c.state = 'released' AND c.status_code IS NULL))
          ELSE count(*) FILTER (WHERE NOT (c.state = 'released' AND c.status_code IS NULL)) END) AS used
        FROM calls c LEFT JOIN vault_keys v ON v.id = c.vault_key_id LEFT JOIN secrets z ON z.id = v.secret_id
        WHERE c.verdict = 'allow' AND c.requested_at >= start::timestamp AT TIME ZONE 'UTC' AND CASE a_scope
          -- The calls of the keys below it, too.
          WHEN 'vault_key' THEN c.vault_key_id = a_value::uuid OR v.ancestor_ids @> ARRAY[a_value::uuid]
          WHEN 'agent_id' THEN c.agent_id = a_value
          WHEN 'crew_run_id' THEN c.crew_run_id = a_value
          WHEN 'secret' THEN v.secret_id = a_value::uuid
          ELSE true END
        GROUP BY 1
    ) u;
  RETURN the_id;
END $$;

-- As before; what a child did is held on the budgets of the keys above it, too.
CREATE OR REPLACE FUNCTION restore_intents(an_epoch bigint, intents jsonb) RETURNS integer LANGUAGE plpgsql
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
        ('crew_run_id', o.crew_run_id), ('secret', o.secret_id::text), ('installation', '')
      UNION ALL SELECT 'vault_key', a.id::text FROM vault_keys v CROSS JOIN LATERAL unnest(v.ancestor_ids) AS a (id)
        WHERE v.id = o.vault_key_id) AS s (scope, value)
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

-- A key and its budgets appear together. `lifetime_seconds` counts on the database's clock and wins over `expires`. With a
-- parent no row is returned when that cannot act any more, is too deep, or has another policy than the one that was looked
-- at. No revocation can pass it unseen: that excludes whoever holds the barrier.
DROP FUNCTION create_vault_key(bytea, text, text, text, text, uuid, text, jsonb, jsonb, bigint, timestamptz);
CREATE FUNCTION create_vault_key(hash bytea, a_redacted text, a_name text, an_agent text, a_run text, a_secret uuid,
  a_vendor text, a_policy jsonb, wanted jsonb, lifetime_seconds bigint, expires timestamptz, a_parent uuid DEFAULT NULL,
  parent_version integer DEFAULT NULL)
RETURNS SETOF vault_keys LANGUAGE plpgsql AS $$
DECLARE
  key_id uuid;
  above uuid[] := '{}';
BEGIN
  IF a_parent IS NOT NULL THEN
    PERFORM pg_advisory_xact_lock_shared(ledger_barrier());
    SELECT p.id || p.ancestor_ids INTO above FROM vault_keys p
      WHERE p.id = a_parent AND p.policy_version = parent_version AND p.secret_id = a_secret
        AND cardinality(p.ancestor_ids) < 3 AND NOT EXISTS (SELECT 1 FROM vault_keys x
          WHERE x.id = ANY (p.id || p.ancestor_ids) AND (x.status <> 'active' OR x.expires_at <= clock_timestamp()));
    IF NOT FOUND THEN RETURN; END IF;
  END IF;
  INSERT INTO vault_keys (key_hash, redacted, name, agent_id, crew_run_id, secret_id, vendor, policy, expires_at, parent_id,
      ancestor_ids)
    VALUES (hash, a_redacted, a_name, an_agent, a_run, a_secret, a_vendor, a_policy,
      coalesce(now() + lifetime_seconds * interval '1 second', expires), a_parent, above) RETURNING id INTO key_id;
  INSERT INTO budgets (scope, scope_value, time_window, unit, limit_amount)
    SELECT 'vault_key', key_id::text, x ->> 'window', x ->> 'unit', (x ->> 'limit')::bigint FROM jsonb_array_elements(wanted) x;
  PERFORM pg_notify('keybrake_changes', jsonb_build_object('type', 'key.created', 'id', key_id)::text);
  RETURN QUERY SELECT * FROM vault_keys WHERE id = key_id;
END $$;

-- Revokes by vault_key, crew_run_id or agent_id, and with each key those below it. When this has committed, no call of
-- those keys is decided any more.
CREATE OR REPLACE FUNCTION revoke_vault_keys(a_scope text, a_value text, a_reason text) RETURNS SETOF uuid LANGUAGE plpgsql AS $$
DECLARE
  ended uuid[];
BEGIN
  PERFORM pg_advisory_xact_lock(ledger_barrier());
  PERFORM pg_notify('keybrake_changes', jsonb_build_object('type', 'key.revoked', 'scope', a_scope, 'value', a_value)::text);
  SELECT array_agg(v.id) INTO ended FROM vault_keys v WHERE CASE a_scope WHEN 'vault_key' THEN v.id = a_value::uuid
    WHEN 'crew_run_id' THEN v.crew_run_id = a_value WHEN 'agent_id' THEN v.agent_id = a_value ELSE false END;
  RETURN QUERY UPDATE vault_keys v SET status = 'revoked', status_reason = a_reason, revoked_at = now()
    WHERE v.status <> 'revoked' AND (v.id = ANY (ended) OR v.ancestor_ids && ended)
    RETURNING v.id;
END $$;
