-- What became of hosts, and when: written with each change of host_status, in its transaction.
CREATE TABLE host_status_history (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    host text NOT NULL,
    status text NOT NULL CHECK (status IN ('ok', 'stale', 'down')),
    -- What it was before; null for a host that was new.
    previous text
);
CREATE INDEX host_status_history_at ON host_status_history (at DESC);
