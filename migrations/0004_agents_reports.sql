-- Agents as the server knows them, the drift reports of gitops-sync, and one-time login links.

CREATE TABLE agents (
    host text PRIMARY KEY CHECK (length(host) BETWEEN 1 AND 253),
    -- Touched by every ingest and status, before anything else is stored: a full disk does not make hosts look down.
    last_seen timestamptz NOT NULL,
    first_seen timestamptz NOT NULL DEFAULT now(),
    -- The last status, whole, and when it came; null for a host that only sends samples.
    status jsonb,
    status_at timestamptz,
    boot_id text,
    agent_id text,
    -- What the host is to run, and since when.
    expected_digest text,
    expected_since timestamptz,
    -- The number of the last request to set resources right, and what is still asked for:
    -- [{"number": 7, "resource": "Collector/cpu"}]
    resync_number bigint NOT NULL DEFAULT 0,
    resync jsonb NOT NULL DEFAULT '[]'
) WITH (fillfactor = 60);  -- room for the touches, which change no index and then stay on the page

CREATE TABLE reports (
    -- A ULID: reports sort by time as text.
    id text COLLATE "C" PRIMARY KEY CHECK (id ~ '^[0-9A-HJKMNP-TV-Z]{26}$'),
    received_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz NOT NULL,
    outcome text NOT NULL,
    commit text,
    -- Which machine's gitops-sync sent it.
    host text,
    report jsonb NOT NULL
);
CREATE INDEX reports_by_start ON reports (started_at);
CREATE INDEX reports_by_outcome ON reports (outcome, id DESC);

-- Links that log a browser in once. Only the hash is kept: reading the table opens nothing.
CREATE TABLE login_links (
    hash text PRIMARY KEY,
    subject text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
CREATE INDEX login_links_by_expiry ON login_links (expires_at);
