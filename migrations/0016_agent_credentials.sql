-- How agents prove who they are. Only hashes are kept: reading these tables opens nothing.

-- One-time enrolment tokens. A used one stays for a day, so that an agent whose answer was lost can ask again.
CREATE TABLE enrolments (
    hash text PRIMARY KEY,
    host text NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    -- The hash of the secret that it was exchanged for.
    secret_hash text
);
CREATE INDEX enrolments_by_expiry ON enrolments (expires_at);

-- The secrets of agents: one valid per host. A new enrolment of a host ends the one before.
CREATE TABLE agent_credentials (
    secret_hash text PRIMARY KEY,
    host text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz,
    -- The address that used it last.
    last_address text,
    revoked_at timestamptz,
    revoked_by text
);
CREATE UNIQUE INDEX agent_credentials_valid ON agent_credentials (host) WHERE revoked_at IS NULL;

-- Tokens of a host that were made before this are refused, whoever made them.
CREATE TABLE host_revocations (
    host text PRIMARY KEY,
    not_before timestamptz NOT NULL,
    revoked_by text NOT NULL
);

-- Agents that report under one host's name. Two whose times overlap are a cloned machine.
CREATE TABLE agent_instances (
    host text NOT NULL,
    agent_id text NOT NULL,
    boot_id text NOT NULL,
    first_seen timestamptz NOT NULL DEFAULT now(),
    last_seen timestamptz NOT NULL DEFAULT now(),
    address text,
    PRIMARY KEY (host, agent_id, boot_id)
) WITH (fillfactor = 60);  -- room for the touches
