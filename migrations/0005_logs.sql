-- Log lines: one row per line, in partitions by time. See docs/reference/logs.md.

CREATE SEQUENCE log_ingest_seq;

-- The parent serves SQL clients; the server addresses partitions by name, from the catalogue.
CREATE TABLE logs (
    -- When the line says it was written, else when it was read.
    time timestamptz NOT NULL,
    -- In order of arrival; with the time it is the row's key, because a partitioned table's keys hold the partition column.
    id bigint NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    host text NOT NULL,
    -- The LogSource, or what a simple client calls itself.
    source text NOT NULL,
    -- The file; empty where there is none.
    path text NOT NULL,
    level text NOT NULL CHECK (level IN ('debug', 'info', 'warn', 'error')),
    message text COMPRESSION lz4 NOT NULL,
    -- What the line holds beside time, level and message, where its form names things.
    fields jsonb COMPRESSION lz4 NOT NULL DEFAULT '{}',
    labels jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (time, id)
) PARTITION BY RANGE (time);
-- Partitions are made LIKE this table and get the same indexes.
CREATE INDEX logs_host ON logs (host, time, id);
CREATE INDEX logs_errors ON logs (time, id) WHERE level = 'error';

-- Search for a part of a message. The extension is trusted, so the owner of a database can create it; where it is not
-- installed, search reads every line of the time in question.
DO $$
BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA plumbline;
    CREATE INDEX logs_message ON logs USING gin (message gin_trgm_ops);
EXCEPTION WHEN OTHERS THEN
    RAISE NOTICE 'no pg_trgm (%): searches in log messages read every line', SQLERRM;
END
$$;

INSERT INTO partition_widths VALUES ('logs', '1 day');

-- How far each file of each host is stored: the transaction that stores lines moves the position past them, so a line
-- that is sent again is known by its place in the file.
CREATE TABLE log_streams (
    host text NOT NULL,
    -- Given by the agent to each file that it reads.
    stream text NOT NULL,
    -- In bytes from the file's beginning.
    position bigint NOT NULL CHECK (position >= 0),
    path text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (host, stream)
);

-- Requests of clients that have no files, by the key that they gave.
CREATE TABLE log_requests (
    host text NOT NULL,
    key text NOT NULL,
    stored integer NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (host, key)
);
CREATE INDEX log_requests_at ON log_requests (at);
