-- What people ordered about enforcing (suspended, pinned, tolerated), beside the lease: a reconciler that lost its state
-- directory must not resume by itself. As gitops-sync wrote it, with a serial number; the later one counts.
ALTER TABLE plumbline.leases ADD COLUMN enforcement jsonb;
ALTER TABLE plumbline_proxy.leases ADD COLUMN enforcement jsonb;

-- The ledger: every drift from the time it was seen to its end. Comes with the reports of gitops-sync.
CREATE TABLE drift (
    -- A ULID: entries sort by the time of their detection as text.
    id text COLLATE "C" PRIMARY KEY CHECK (id ~ '^[0-9A-HJKMNP-TV-Z]{26}$'),
    detected_at timestamptz NOT NULL,
    -- When it was made, by whom, and how; null where nobody knows.
    changed_at timestamptz,
    who text,
    via text NOT NULL,
    target text NOT NULL,
    -- The host that drifted, for agents.
    host text,
    kind text NOT NULL,
    name text NOT NULL,
    state text NOT NULL CHECK (state IN ('open', 'healed', 'gone')),
    result text NOT NULL,
    ended_at timestamptz,
    -- Of two forms of one entry the later one stays, in whatever order they arrive.
    updated_at timestamptz NOT NULL,
    -- Seconds from the change to its detection, and from there to the end of a drift that was corrected.
    detect_seconds double precision,
    heal_seconds double precision,
    entry jsonb NOT NULL
);
CREATE INDEX drift_by_resource ON drift (kind, name, id DESC);
CREATE INDEX drift_open ON drift (id DESC) WHERE state = 'open';
