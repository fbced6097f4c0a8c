-- Processes of a component that began to run a generation of its store: a row each, until the process stops in order or
-- has lived with that generation for five minutes. A row that is there when the process starts again is left of one that
-- crashed.

CREATE TABLE starts (
    -- As in instances: the same over restarts.
    instance text PRIMARY KEY,
    generation bigint NOT NULL,
    -- How many processes in a row crashed while they ran this generation.
    crashes integer NOT NULL DEFAULT 0 CHECK (crashes >= 0),
    loaded_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE plumbline_proxy.starts (LIKE starts INCLUDING ALL);
GRANT SELECT, INSERT, UPDATE, DELETE ON plumbline_proxy.starts TO plumbline_proxy;

-- Whether the process has its engines off: it holds the generation and does not obey it.
ALTER TABLE instances ADD COLUMN safe_mode boolean NOT NULL DEFAULT false;
ALTER TABLE plumbline_proxy.instances ADD COLUMN safe_mode boolean NOT NULL DEFAULT false;
