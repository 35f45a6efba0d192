-- What keeps an installation safe while it is operated: changing the master key, noticing lost history, and a role that
-- may do little.

-- The master key that seals, by its public id; what was sealed under the one before is sealed anew bit by bit. Each
-- envelope names its key, so that is the whole progress. Null: no server has started yet.
CREATE TABLE master_key (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  active_id text CHECK (active_id ~ '^[0-9a-f]{8}$'),
  previous_id text CHECK (previous_id ~ '^[0-9a-f]{8}$'),
  begun_at timestamptz,
  finished_at timestamptz
);

-- The id of the master key that an envelope names; null for what is none (an erased secret).
CREATE FUNCTION envelope_key_id(envelope bytea) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN octet_length(envelope) > 5 THEN encode(substring(envelope FROM 2 FOR 4), 'hex') END
$$;
INSERT INTO master_key (active_id) SELECT (SELECT envelope_key_id(k.envelope) FROM install_keys k WHERE k.name = 'pepper');

-- Which master keys a replica can open envelopes of.
ALTER TABLE replicas ADD COLUMN master_key_ids text[] NOT NULL DEFAULT '{}';

-- Of several that start first, one master key is the installation's; returns it.
CREATE FUNCTION claim_master_key(an_id text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  UPDATE master_key SET active_id = an_id WHERE active_id IS NULL;
  RETURN (SELECT active_id FROM master_key);
END $$;

-- Shared by whoever takes an epoch, exclusive for whoever begins a rotation: a replica that lives can always open all.
CREATE FUNCTION epoch_barrier() RETURNS bigint LANGUAGE sql IMMUTABLE AS $$ SELECT 7301003 $$;

CREATE FUNCTION take_epoch(a_name text, a_version text, lease_ms integer, key_ids text[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  taken bigint;
  active text;
BEGIN
  PERFORM pg_advisory_xact_lock_shared(epoch_barrier());
  SELECT active_id INTO active FROM master_key;
  -- Before the first start there is none, and nothing is all of nothing.
  IF active IS NOT NULL AND active <> ALL (key_ids) THEN
    RAISE EXCEPTION 'the master key in use is `%`, and this replica does not have it', active USING ERRCODE = 'KB007';
  END IF;
  INSERT INTO replicas (name, version, lease_until, master_key_ids)
    VALUES (a_name, a_version, clock_timestamp() + lease_ms * interval '1 millisecond', key_ids) RETURNING epoch INTO taken;
  RETURN taken;
END $$;

-- What is sealed is sealed under the key in use: a seal that began before a rotation comes too late and is refused.
CREATE FUNCTION check_envelope() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 FROM master_key m
    WHERE m.active_id IS NULL OR coalesce(envelope_key_id(NEW.envelope), m.active_id) = m.active_id FOR SHARE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'another master key is in use than the one that this was sealed with' USING ERRCODE = 'KB006';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER check_envelope BEFORE INSERT OR UPDATE OF envelope ON secrets FOR EACH ROW EXECUTE FUNCTION check_envelope();
CREATE TRIGGER check_envelope BEFORE INSERT OR UPDATE OF envelope ON install_keys FOR EACH ROW EXECUTE FUNCTION check_envelope();

-- Everything that another master key than the one in use has sealed.
CREATE FUNCTION sealed_before(most integer) RETURNS TABLE (table_name text, row_id text, vendor text, version integer, envelope bytea)
LANGUAGE sql STABLE AS $$
  SELECT x.* FROM (
    SELECT 'install_keys', k.name, '', 1, k.envelope FROM install_keys k
    UNION ALL
    SELECT 'secrets', s.id::text, s.vendor, s.version, s.envelope FROM secrets s
  ) AS x (table_name, row_id, vendor, version, envelope), master_key m
  WHERE envelope_key_id(x.envelope) <> m.active_id ORDER BY 1, 2 LIMIT most
$$;

-- Lets another master key seal from now on; twice is once. Refused while a living replica does not have it, and while an
-- earlier rotation is not finished.
CREATE FUNCTION begin_master_key_rotation(new_id text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  current master_key;
  without text;
BEGIN
  PERFORM pg_advisory_xact_lock(epoch_barrier());
  SELECT * INTO current FROM master_key FOR UPDATE;
  IF current.active_id = new_id THEN RETURN; END IF;
  IF current.begun_at IS NOT NULL AND current.finished_at IS NULL THEN
    RAISE EXCEPTION 'the change from `%` to `%` is not finished', current.previous_id, current.active_id USING ERRCODE = 'KB008';
  END IF;
  SELECT string_agg(r.name, ', ' ORDER BY r.name) INTO without FROM replicas r
    WHERE r.stopped_at IS NULL AND r.lease_until > clock_timestamp() AND new_id <> ALL (r.master_key_ids);
  IF without IS NOT NULL THEN
    RAISE EXCEPTION 'these replicas do not have the master key `%`: %', new_id, without USING ERRCODE = 'KB009';
  END IF;
  UPDATE master_key SET previous_id = active_id, active_id = new_id, begun_at = now(), finished_at = NULL;
END $$;

-- Ends a rotation when nothing is left; returns how much is.
CREATE FUNCTION finish_master_key_rotation() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  remaining bigint;
BEGIN
  PERFORM 1 FROM master_key FOR UPDATE;
  SELECT count(*) INTO remaining FROM sealed_before(2147483647);
  IF remaining = 0 THEN UPDATE master_key SET finished_at = now() WHERE begun_at IS NOT NULL AND finished_at IS NULL; END IF;
  RETURN remaining;
END $$;

-- Losses of history that were found: a link that a replica or a checkpoint remembers, and the database does not have any
-- more (a failover that lost commits, an older backup that was restored). While one is open, nothing is allowed.
CREATE TABLE history_gaps (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  found_at timestamptz NOT NULL DEFAULT date_trunc('milliseconds', clock_timestamp()),
  found_by text NOT NULL,
  -- The remembered links: [{"epoch", "seq", "hash"}].
  lost jsonb NOT NULL,
  -- No link is ever added to this epoch or an earlier one again; `heads` says where each ends, by epoch.
  closes_epoch bigint,
  heads jsonb,
  accepted_at timestamptz,
  accepted_by text,
  reason text,
  signature bytea
);
CREATE UNIQUE INDEX history_gaps_open ON history_gaps ((accepted_at IS NULL)) WHERE accepted_at IS NULL;

-- Which of these links are not there, though neither retention nor an accepted gap explains it.
CREATE FUNCTION lost_heads(epochs bigint[], seqs bigint[], hashes bytea[]) RETURNS TABLE (epoch bigint, seq bigint, hash bytea)
LANGUAGE sql STABLE SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
  SELECT u.epoch, u.seq, u.hash FROM unnest(epochs, seqs, hashes) AS u (epoch, seq, hash)
  WHERE NOT EXISTS (SELECT 1 FROM audit_chain a WHERE a.epoch = u.epoch AND a.seq = u.seq AND a.hash = u.hash)
    AND NOT EXISTS (SELECT 1 FROM audit_tombstones t WHERE (t.heads -> u.epoch::text ->> 'seq')::bigint >= u.seq)
    AND NOT EXISTS (SELECT 1 FROM history_gaps g WHERE g.accepted_at IS NOT NULL AND g.closes_epoch >= u.epoch)
$$;

-- A flush, by a replica that says which links it has seen: without them it decides nothing (KB003), and while a loss is
-- open it allows nothing (KB004); what refuses or ends a call is written all the same. Returns the newest link, too.
CREATE FUNCTION ledger_flush(an_epoch bigint, batch jsonb, a_number bigint, seen_epochs bigint[], seen_seqs bigint[],
  seen_hashes bytea[], OUT result jsonb, OUT seq bigint, OUT hash bytea) LANGUAGE plpgsql AS $$
BEGIN
  result := ledger_apply(an_epoch, batch, a_number);
  IF EXISTS (SELECT 1 FROM lost_heads(seen_epochs, seen_seqs, seen_hashes)) THEN
    RAISE EXCEPTION 'the database has lost history that this replica has seen' USING ERRCODE = 'KB003';
  END IF;
  IF jsonb_path_exists(result, '$.results[*] ? (@.code == null)')
    AND EXISTS (SELECT 1 FROM history_gaps g WHERE g.accepted_at IS NULL) THEN
    RAISE EXCEPTION 'history was lost, and no operator has accepted that yet' USING ERRCODE = 'KB004';
  END IF;
  SELECT a.seq, a.hash INTO seq, hash FROM audit_chain a WHERE a.epoch = an_epoch ORDER BY a.seq DESC LIMIT 1;
END $$;

-- Lets the next epoch be one that was certainly never taken, and returns the one before it. Nobody knows how many were
-- lost; nobody takes a million between two backups. The caller holds the barrier of epochs.
CREATE FUNCTION skip_epochs(lost jsonb) RETURNS bigint LANGUAGE sql AS $$
  SELECT setval(pg_get_serial_sequence('replicas', 'epoch'), greatest(max(x.epoch), 0) + 1000000) FROM (
    SELECT max(r.epoch) AS epoch FROM replicas r
    UNION ALL SELECT max(a.epoch) FROM audit_chain a
    UNION ALL SELECT max((l ->> 'epoch')::bigint) FROM jsonb_array_elements(lost) l) x
$$;

-- Opens a gap for the links that are really lost, at once for every replica; null when none is.
CREATE FUNCTION freeze_history(a_replica text, epochs bigint[], seqs bigint[], hashes bytea[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  missing jsonb;
BEGIN
  PERFORM pg_advisory_xact_lock(ledger_barrier());
  SELECT jsonb_agg(jsonb_build_object('epoch', l.epoch, 'seq', l.seq, 'hash', encode(l.hash, 'hex')) ORDER BY l.epoch, l.seq)
    INTO missing FROM lost_heads(epochs, seqs, hashes) l;
  IF missing IS NULL THEN RETURN NULL; END IF;
  PERFORM pg_advisory_xact_lock(epoch_barrier());
  PERFORM skip_epochs(missing);
  INSERT INTO history_gaps (found_by, lost) VALUES (a_replica, missing) ON CONFLICT DO NOTHING;
  PERFORM pg_notify('keybrake_changes', '{"type":"history.lost"}');
  RETURN (SELECT g.id FROM history_gaps g WHERE g.accepted_at IS NULL);
END $$;

-- Ends every epoch and opens a range of new ones, so that no link that was lost can be taken for one to come. May be
-- called again. Returns the open gap as it now stands, for whoever signs it; no row when nothing is lost.
CREATE FUNCTION close_history() RETURNS SETOF history_gaps LANGUAGE plpgsql AS $$
DECLARE
  gap history_gaps;
  closes bigint;
BEGIN
  PERFORM pg_advisory_xact_lock(ledger_barrier());
  PERFORM pg_advisory_xact_lock(epoch_barrier());
  SELECT * INTO gap FROM history_gaps g WHERE g.accepted_at IS NULL FOR UPDATE;
  IF NOT FOUND THEN RETURN; END IF;
  UPDATE replicas SET stopped_at = clock_timestamp() WHERE stopped_at IS NULL;
  closes := skip_epochs(gap.lost);
  UPDATE history_gaps SET closes_epoch = closes, heads = (
      WITH RECURSIVE found AS (
        SELECT min(a.epoch) AS epoch FROM audit_chain a
        UNION ALL
        SELECT (SELECT min(a.epoch) FROM audit_chain a WHERE a.epoch > f.epoch) FROM found f WHERE f.epoch IS NOT NULL)
      SELECT coalesce(jsonb_object_agg(f.epoch, jsonb_build_object('seq', h.seq, 'hash', encode(h.hash, 'hex'))), '{}')
      FROM found f CROSS JOIN LATERAL (
        SELECT a.seq, a.hash FROM audit_chain a WHERE a.epoch = f.epoch ORDER BY a.seq DESC LIMIT 1) h
      WHERE f.epoch IS NOT NULL)
    WHERE id = gap.id;
  RETURN QUERY SELECT * FROM history_gaps WHERE id = gap.id;
END $$;

-- Accepts a gap as it was signed; no row when it is another one by now.
CREATE FUNCTION accept_history(an_id bigint, closes bigint, who text, why text, a_signature bytea) RETURNS SETOF bigint LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(ledger_barrier());
  PERFORM pg_notify('keybrake_changes', '{"type":"history.accepted"}');
  RETURN QUERY UPDATE history_gaps g SET accepted_at = date_trunc('milliseconds', clock_timestamp()), accepted_by = who,
      reason = why, signature = a_signature
    WHERE g.id = an_id AND g.accepted_at IS NULL AND g.closes_epoch = closes RETURNING g.id;
END $$;

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
