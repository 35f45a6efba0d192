-- Who operates the installation: tokens with roles.

CREATE TABLE admin_tokens (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  token_hash bytea NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
  name text NOT NULL,
  role text NOT NULL CHECK (role IN ('auditor', 'operator', 'admin')),
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz,
  revoked_at timestamptz
);
CREATE INDEX admin_tokens_created ON admin_tokens (created_at, id);

-- What operators did and what they were refused: rows are added and never changed. Each stands as an entry of the kind
-- `admin` in the audit chain of the replica that served the request, so that a row that is edited or removed is found.
CREATE TABLE admin_events (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  at timestamptz NOT NULL,
  epoch bigint NOT NULL,
  replica text NOT NULL,
  -- Null for the bootstrap token, which has a name all the same; both null when nobody was proven.
  token_id uuid,
  token_name text,
  role text,
  address text,
  action text NOT NULL,
  target text,
  details jsonb NOT NULL DEFAULT '{}',
  -- How many rows the change touched.
  changed integer,
  outcome text NOT NULL CHECK (outcome IN ('begun', 'done', 'refused', 'failed')),
  code text
);
CREATE INDEX admin_events_by_time ON admin_events (at, id);

CREATE FUNCTION admin_event_digest(e admin_events) RETURNS bytea LANGUAGE sql STABLE AS $$
  SELECT sha256(convert_to(jsonb_build_array('admin', e.id, epoch_ms(e.at), e.token_id, e.token_name, e.role, e.address,
    e.action, e.target, e.details, e.changed, e.outcome, e.code, e.replica)::text, 'UTF8'))
$$;

-- Gives a new row its time and its link. The epoch's row is locked last, after everything that the change itself locks,
-- and held until the commit, so that the chain's numbers have no gap.
CREATE FUNCTION chain_admin_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  SELECT r.name INTO NEW.replica FROM replicas r
    WHERE r.epoch = NEW.epoch AND r.stopped_at IS NULL AND r.lease_until > clock_timestamp() FOR UPDATE;
  IF NOT FOUND THEN RAISE EXCEPTION 'epoch % has lost its lease', NEW.epoch USING ERRCODE = 'KB001'; END IF;
  NEW.id := gen_random_uuid();
  NEW.at := date_trunc('milliseconds', clock_timestamp());
  PERFORM append_link(NEW.epoch, NEW.at, ARRAY[NEW.id], ARRAY[NEW.at], ARRAY['admin'], ARRAY[admin_event_digest(NEW)]);
  RETURN NEW;
END $$;
CREATE TRIGGER chain_admin_event BEFORE INSERT ON admin_events FOR EACH ROW EXECUTE FUNCTION chain_admin_event();

-- As before, and over the entries of operators, too: `admins` counts them as `decisions` counts those of calls.
DROP FUNCTION verify_links(bigint, bigint, bytea, integer, timestamptz, timestamptz);
CREATE FUNCTION verify_links(an_epoch bigint, after_seq bigint, after_hash bytea, most integer, before timestamptz,
  kept_from timestamptz, OUT last_seq bigint, OUT last_hash bytea, OUT links integer, OUT decisions bigint,
  OUT outcomes bigint, OUT admins bigint, OUT bad_seq bigint, OUT problem text)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  link audit_chain;
  bad record;
BEGIN
  last_seq := after_seq; last_hash := after_hash; links := 0; decisions := 0; outcomes := 0; admins := 0;
  FOR link IN SELECT * FROM audit_chain WHERE epoch = an_epoch AND seq > after_seq ORDER BY seq LIMIT most LOOP
    IF link.seq <> last_seq + 1 THEN bad_seq := last_seq + 1; problem := 'the link is missing'; RETURN; END IF;
    bad_seq := link.seq;
    IF link.prev_hash <> last_hash THEN problem := 'the link does not continue the one before it'; RETURN; END IF;
    IF link.hash <> sha256(link.prev_hash || (SELECT string_agg(d, ''::bytea ORDER BY o) FROM unnest(link.digests) WITH ORDINALITY AS u (d, o))) THEN
      problem := 'the link''s hash does not match its entries'; RETURN;
    END IF;
    SELECT u.id, u.what, CASE u.what WHEN 'admin' THEN e.id IS NULL ELSE c.id IS NULL END AS missing INTO bad
      FROM unnest(link.call_ids, link.requested_ats, link.kinds, link.digests) AS u (id, at, what, digest)
      LEFT JOIN calls c ON c.id = u.id AND c.requested_at = u.at AND u.what <> 'admin'
      LEFT JOIN admin_events e ON e.id = u.id AND u.what = 'admin'
      WHERE u.at >= kept_from AND CASE u.what
        WHEN 'admin' THEN e.id IS NULL OR u.digest <> admin_event_digest(e)
        ELSE c.id IS NULL
          OR (u.what = 'decision' AND u.digest <> decision_digest(c))
          OR (u.what = 'outcome' AND u.digest <> outcome_digest(c))
          OR (u.what = 'unknown' AND c.state = 'unknown' AND u.digest <> outcome_digest(c)) END
      LIMIT 1;
    IF FOUND THEN
      problem := CASE
        WHEN bad.what = 'admin' AND bad.missing THEN format('admin event %s is missing', bad.id)
        WHEN bad.what = 'admin' THEN format('admin event %s was changed', bad.id)
        WHEN bad.missing THEN format('call %s is missing', bad.id)
        ELSE format('the %s of call %s was changed', bad.what, bad.id) END;
      RETURN;
    END IF;
    links := links + 1; last_seq := link.seq; last_hash := link.hash;
    SELECT decisions + count(*) FILTER (WHERE u.what = 'decision' AND u.at < before),
        outcomes + count(*) FILTER (WHERE u.what = 'outcome' AND link.written_at < before),
        admins + count(*) FILTER (WHERE u.what = 'admin' AND u.at < before)
      INTO decisions, outcomes, admins FROM unnest(link.kinds, link.requested_ats) AS u (what, at) WHERE u.at >= kept_from;
  END LOOP;
  bad_seq := NULL;
END $$;

-- A browser that somebody logged in with. The cookie's value is stored as its keyed hash only. A session of the
-- bootstrap token, which stands in no table, names that token by a keyed hash: with another one it ends.
CREATE TABLE admin_sessions (
  id_hash bytea PRIMARY KEY CHECK (octet_length(id_hash) = 32),
  token_id uuid REFERENCES admin_tokens (id),
  bootstrap_hash bytea,
  created_at timestamptz NOT NULL DEFAULT now(),
  seen_at timestamptz NOT NULL DEFAULT now(),
  CHECK ((token_id IS NULL) <> (bootstrap_hash IS NULL))
);

-- What opens a session once, in the name of the token that asked for it. A code that was used is no row any more.
CREATE TABLE login_codes (
  code_hash bytea PRIMARY KEY CHECK (octet_length(code_hash) = 32),
  token_id uuid REFERENCES admin_tokens (id),
  bootstrap_hash bytea,
  expires_at timestamptz NOT NULL,
  CHECK ((token_id IS NULL) <> (bootstrap_hash IS NULL))
);
