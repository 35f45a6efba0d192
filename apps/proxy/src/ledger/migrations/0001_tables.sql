-- The ledger: written for PostgreSQL 15, and the same on PGlite. Times are the database's, money is micro-dollars in
-- bigint or dollars in numeric(20,6), and nothing here holds a request body, an answer or a secret in clear.

CREATE TABLE installation (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  created_at timestamptz NOT NULL DEFAULT now(),
  -- The latest day that was ever seen: a clock set back must not open yesterday's budget again.
  last_day date NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')::date,
  kill_switch_engaged boolean NOT NULL DEFAULT false,
  kill_switch_reason text,
  kill_switch_changed_at timestamptz
);
INSERT INTO installation DEFAULT VALUES;

-- Keys that the installation makes for itself (pepper, idempotency, checkpoint signing), under the master key.
CREATE TABLE install_keys (
  name text PRIMARY KEY,
  envelope bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE secrets (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name text NOT NULL CHECK (name ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
  vendor text NOT NULL,
  account_id text,
  -- What a test credential moves is no money: it counts in windows of its own.
  mode text NOT NULL DEFAULT 'live' CHECK (mode IN ('live', 'test')),
  version integer NOT NULL DEFAULT 1,
  envelope bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  rotated_at timestamptz,
  deleted_at timestamptz
);
CREATE UNIQUE INDEX secrets_name ON secrets (name) WHERE deleted_at IS NULL;

CREATE TABLE vault_keys (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  key_hash bytea NOT NULL UNIQUE CHECK (octet_length(key_hash) = 32),
  redacted text NOT NULL,
  name text,
  agent_id text NOT NULL,
  crew_run_id text,
  secret_id uuid NOT NULL REFERENCES secrets (id),
  vendor text NOT NULL,
  policy jsonb NOT NULL,
  policy_version integer NOT NULL DEFAULT 1,
  status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended', 'revoked')),
  status_reason text,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz,
  revoked_at timestamptz
);
CREATE INDEX vault_keys_agent ON vault_keys (agent_id, id);
CREATE INDEX vault_keys_run ON vault_keys (crew_run_id, id) WHERE crew_run_id IS NOT NULL;
CREATE INDEX vault_keys_created ON vault_keys (created_at, id);

CREATE TABLE budgets (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  scope text NOT NULL CHECK (scope IN ('vault_key', 'agent_id', 'crew_run_id', 'secret', 'installation')),
  scope_value text NOT NULL,
  time_window text NOT NULL CHECK (time_window IN ('daily', 'monthly', 'total')),
  unit text NOT NULL CHECK (unit IN ('usd', 'calls', 'requests')),
  -- Micro-dollars for usd, else a count.
  limit_amount bigint NOT NULL CHECK (limit_amount >= 0),
  created_at timestamptz NOT NULL DEFAULT now(),
  deleted_at timestamptz
);
CREATE UNIQUE INDEX budgets_scope ON budgets (scope, scope_value, time_window, unit) WHERE deleted_at IS NULL;

-- How much of a budget is used in one window, by live and by test credentials apart: both have the whole limit, and
-- neither can use up the other's. INVARIANT: used never exceeds the limit, except by an overrun that is
-- written down: a vendor charged more than was reserved, or the operator lowered the limit below what was used.
CREATE TABLE budget_windows (
  budget_id bigint NOT NULL REFERENCES budgets (id),
  window_start date NOT NULL,
  mode text NOT NULL DEFAULT 'live' CHECK (mode IN ('live', 'test')),
  limit_micros bigint NOT NULL,
  reserved bigint NOT NULL DEFAULT 0 CHECK (reserved >= 0),
  settled bigint NOT NULL DEFAULT 0,
  overrun bigint NOT NULL DEFAULT 0 CHECK (overrun >= 0),
  PRIMARY KEY (budget_id, window_start, mode),
  CHECK (reserved + settled <= limit_micros + overrun)
) WITH (fillfactor = 50);

-- A replica's life: one row a start. Whoever does not renew the lease is dead, and its open calls are swept.
CREATE TABLE replicas (
  epoch bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL,
  version text NOT NULL,
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  lease_until timestamptz NOT NULL,
  stopped_at timestamptz,
  -- The number of the latest flush: one that was given up for lost and arrives after a later one is refused.
  flushed bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

CREATE TABLE calls (
  id uuid NOT NULL,
  requested_at timestamptz NOT NULL,
  completed_at timestamptz,
  state text NOT NULL CHECK (state IN ('denied', 'reserved', 'unknown', 'settled', 'released')),
  verdict text NOT NULL CHECK (verdict IN ('allow', 'deny')),
  denial_code text,
  denial_reason text,
  vault_key_id uuid,
  agent_id text,
  crew_run_id text,
  claimed_agent_id text,
  claimed_crew_run_id text,
  vendor text,
  method text NOT NULL,
  path text NOT NULL,
  endpoint text,
  status_code integer,
  amount bigint,
  currency text,
  direction text CHECK (direction IN ('in', 'out', 'fee')),
  reserved_usd numeric(20, 6) NOT NULL DEFAULT 0,
  cost_usd numeric(20, 6) NOT NULL DEFAULT 0,
  budget_used_after_usd numeric(20, 6),
  overrun_usd numeric(20, 6),
  customer_id text,
  vendor_request_id text,
  vendor_object_id text,
  idempotency_key_hash text,
  replay_of uuid,
  metadata jsonb NOT NULL DEFAULT '{}',
  latency_ms integer,
  upstream_ms integer,
  outcome_reason text,
  replica text NOT NULL,
  PRIMARY KEY (id, requested_at)
) PARTITION BY RANGE (requested_at);
CREATE INDEX calls_by_time ON calls (requested_at, id);
CREATE INDEX calls_by_agent ON calls (agent_id, requested_at);
CREATE INDEX calls_by_run ON calls (crew_run_id, requested_at);
CREATE INDEX calls_by_key ON calls (vault_key_id, requested_at);
CREATE INDEX calls_by_metadata_agent ON calls ((metadata ->> 'agent_id'));

-- The open holds: one row for each call that is reserved or unknown, and none for any other. It carries what a
-- settlement needs, so that the columns of `calls` that change later stand in no index.
CREATE TABLE reservations (
  call_id uuid PRIMARY KEY,
  requested_at timestamptz NOT NULL,
  epoch bigint NOT NULL,
  state text NOT NULL DEFAULT 'reserved' CHECK (state IN ('reserved', 'unknown')),
  deadline timestamptz NOT NULL,
  day date NOT NULL,
  budget_ids bigint[] NOT NULL,
  hold_micros bigint NOT NULL CHECK (hold_micros >= 0),
  accounted boolean NOT NULL,
  -- Null for a read of Keybrake's own.
  vault_key_id uuid,
  secret_id uuid NOT NULL,
  idempotency_key_hash text
) WITH (fillfactor = 70);

-- How much of one vendor object is already counted, so that create, confirm and capture count once.
-- `parts` lists what each call added, and to which windows: [{"call", "day", "budgets", "micros"}].
CREATE TABLE exposures (
  secret_id uuid NOT NULL,
  object_id text NOT NULL,
  currency text NOT NULL,
  amount bigint NOT NULL,
  counted_micros bigint NOT NULL CHECK (counted_micros >= 0),
  parts jsonb NOT NULL,
  is_final boolean NOT NULL DEFAULT false,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (secret_id, object_id)
);

-- What a final answer gave back to the windows of earlier calls (a cancellation, a partial capture).
CREATE TABLE credits (
  call_id uuid NOT NULL,
  source_call_id uuid NOT NULL,
  day date NOT NULL,
  budget_ids bigint[] NOT NULL,
  micros bigint NOT NULL CHECK (micros > 0),
  credited_at timestamptz NOT NULL,
  PRIMARY KEY (call_id, source_call_id)
);
CREATE INDEX credits_source ON credits (source_call_id);

-- One row for each upstream idempotency key: which call holds its reservation, and which call has it open now.
CREATE TABLE idempotency_keys (
  key_hash text PRIMARY KEY,
  fingerprint text NOT NULL,
  call_id uuid NOT NULL,
  requested_at timestamptz NOT NULL,
  open_call_id uuid
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (requested_at);

-- The latest call of each run, agent, endpoint and body whose key may not make it twice within some seconds. A call that
-- was refused or released holds none.
CREATE TABLE duplicate_guards (
  fingerprint text PRIMARY KEY,
  call_id uuid NOT NULL,
  requested_at timestamptz NOT NULL,
  seconds integer NOT NULL
);
CREATE INDEX duplicate_guards_call ON duplicate_guards (call_id);
CREATE INDEX duplicate_guards_age ON duplicate_guards (requested_at);

-- One chain per replica epoch; each flush appends one link over the digests of the rows that it wrote.
CREATE TABLE audit_chain (
  epoch bigint NOT NULL,
  seq bigint NOT NULL,
  written_at timestamptz NOT NULL,
  prev_hash bytea NOT NULL,
  hash bytea NOT NULL,
  call_ids uuid[] NOT NULL,
  requested_ats timestamptz[] NOT NULL,
  -- 'decision' when the row was inserted, 'outcome' when its end was written.
  kinds text[] NOT NULL,
  digests bytea[] NOT NULL,
  PRIMARY KEY (epoch, seq)
);
CREATE INDEX audit_chain_age ON audit_chain (written_at);

-- What retention removed, signed: the chain goes on behind it.
CREATE TABLE audit_tombstones (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  partition_name text NOT NULL UNIQUE,
  calls_before timestamptz NOT NULL,
  calls_removed bigint NOT NULL,
  heads jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  signature bytea NOT NULL
);
