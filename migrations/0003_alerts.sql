-- State of alerts and hosts, and the outbox of notifications. A state change and the notifications that it causes are
-- written in one transaction: neither exists without the other.

CREATE TABLE alerts (
    rule text NOT NULL,
    labels jsonb NOT NULL,
    state text NOT NULL CHECK (state IN ('inactive', 'pending', 'firing')),
    active_since timestamptz NOT NULL,
    matches integer NOT NULL,
    last_match_at timestamptz NOT NULL,
    value double precision NOT NULL,
    fired_at timestamptz,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (rule, labels)
);

CREATE TABLE alert_history (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    rule text NOT NULL,
    event text NOT NULL CHECK (event IN ('firing', 'resolved')),
    severity text NOT NULL,
    labels jsonb NOT NULL,
    value double precision,
    provenance jsonb
);
CREATE INDEX alert_history_at ON alert_history (at DESC);

-- What each host was last found to be. Kept, so that a transition is told once, also across restarts.
CREATE TABLE host_status (
    host text PRIMARY KEY,
    status text NOT NULL CHECK (status IN ('ok', 'stale', 'down')),
    since timestamptz NOT NULL
);

CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now(),
    notifier text NOT NULL,
    dedupe_key text NOT NULL,
    body jsonb NOT NULL,
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'dead')),
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    delivered_at timestamptz,
    last_error text,
    UNIQUE (notifier, dedupe_key)
);
CREATE INDEX outbox_waiting ON outbox (next_attempt_at) WHERE state = 'waiting';

-- Leadership of work that only one server does at a time. The epoch grows with every change of holder; writers check
-- it in their own transaction.
CREATE TABLE leaders (
    task text PRIMARY KEY,
    holder text NOT NULL,
    epoch bigint NOT NULL,
    expires_at timestamptz NOT NULL
);
