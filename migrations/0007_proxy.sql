-- The proxy: its config store, and the runs of its pipelines, in a schema of its own. The store is the server's store again,
-- table by table and function by function: what a change by hand leaves behind is the same in both.

CREATE SCHEMA plumbline_proxy;
GRANT USAGE ON SCHEMA plumbline_proxy TO plumbline_proxy, operator, plumbline_audit;
ALTER DEFAULT PRIVILEGES IN SCHEMA plumbline_proxy GRANT SELECT ON TABLES TO operator;

CREATE TABLE plumbline_proxy.stores (LIKE stores INCLUDING ALL);
INSERT INTO plumbline_proxy.stores DEFAULT VALUES;
CREATE TABLE plumbline_proxy.resources (LIKE resources INCLUDING ALL);
CREATE TABLE plumbline_proxy.resource_health (LIKE resource_health INCLUDING ALL);
CREATE TABLE plumbline_proxy.audit (LIKE audit INCLUDING ALL);
CREATE TABLE plumbline_proxy.config_requests (LIKE config_requests INCLUDING ALL);
CREATE TABLE plumbline_proxy.instances (LIKE instances INCLUDING ALL);
CREATE TABLE plumbline_proxy.leases (LIKE leases INCLUDING ALL);

-- Everybody who changes a resource takes the store's row first, before any row of resources: without that, a patch
-- (store, then resource) and a change by SQL (resource, then store in the row trigger) could wait for each other.
CREATE FUNCTION plumbline_proxy.lock_store() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM 1 FROM plumbline_proxy.stores FOR UPDATE;
    RETURN NULL;
END
$$;

-- Grows the generation, once per transaction, and gives it. A rolled-back savepoint takes its bump with it.
CREATE FUNCTION plumbline_proxy.bump_generation() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    present bigint;
BEGIN
    UPDATE plumbline_proxy.stores SET generation = generation + 1, changed_in = pg_current_xact_id()
        WHERE changed_in IS DISTINCT FROM pg_current_xact_id()
        RETURNING generation INTO present;
    IF FOUND THEN
        PERFORM pg_notify('plumbline_proxy_config', present::text);
        RETURN present;
    END IF;
    SELECT generation INTO STRICT present FROM plumbline_proxy.stores;
    RETURN present;
END
$$;

-- Writes one audit row. What the settings plumb.… say is believed only of the service's own role: anybody can set a
-- setting. Everybody else is who they logged in as, also after SET ROLE.
CREATE FUNCTION plumbline_proxy.record_change(
    kind text, name text, operation text, before jsonb, after jsonb, grown bigint
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    actor text := nullif(current_setting('plumb.actor', true), '');
    channel text := coalesce(nullif(current_setting('plumb.via', true), ''), 'api');
    details jsonb := coalesce(nullif(current_setting('plumb.details', true), ''), '{}')::jsonb;
BEGIN
    IF session_user <> 'plumbline_proxy' OR actor IS NULL THEN
        actor := session_user;
        channel := 'sql';
        SELECT jsonb_strip_nulls(jsonb_build_object(
                'application', nullif(activity.application_name, ''),
                'address', coalesce(host(activity.client_addr), 'local'),
                'sessionStart', to_char(activity.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
                'transaction', pg_current_xact_id()::text,
                'process', pg_backend_pid()::text))
            INTO details
            FROM pg_stat_activity AS activity WHERE activity.pid = pg_backend_pid();
    END IF;
    INSERT INTO plumbline_proxy.audit (generation, kind, name, operation, before, after, who, via, details)
        VALUES (grown, kind, name, operation, before, after, actor, channel, coalesce(details, '{}'));
END
$$;

CREATE FUNCTION plumbline_proxy.resource_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    grown bigint := plumbline_proxy.bump_generation();
BEGIN
    CASE
    WHEN TG_OP = 'INSERT' THEN
        PERFORM plumbline_proxy.record_change(NEW.kind, NEW.name, 'insert', NULL, NEW.spec, grown);
    WHEN TG_OP = 'DELETE' THEN
        PERFORM plumbline_proxy.record_change(OLD.kind, OLD.name, 'delete', OLD.spec, NULL, grown);
    WHEN (OLD.kind, OLD.name) IS DISTINCT FROM (NEW.kind, NEW.name) THEN
        PERFORM plumbline_proxy.record_change(OLD.kind, OLD.name, 'delete', OLD.spec, NULL, grown);
        PERFORM plumbline_proxy.record_change(NEW.kind, NEW.name, 'insert', NULL, NEW.spec, grown);
    ELSE
        PERFORM plumbline_proxy.record_change(NEW.kind, NEW.name, 'update', OLD.spec, NEW.spec, grown);
    END CASE;
    RETURN NULL;
END
$$;

-- TRUNCATE fires no row triggers, so its rows are read before they go.
CREATE FUNCTION plumbline_proxy.resources_truncated() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    grown bigint := plumbline_proxy.bump_generation();
BEGIN
    PERFORM plumbline_proxy.record_change(gone.kind, gone.name, 'truncate', gone.spec, NULL, grown)
        FROM (SELECT kind, name, spec FROM plumbline_proxy.resources ORDER BY kind, name) AS gone;
    RETURN NULL;
END
$$;

GRANT SELECT, UPDATE ON plumbline_proxy.stores TO plumbline_audit;
GRANT SELECT ON plumbline_proxy.resources TO plumbline_audit;
GRANT SELECT, INSERT ON plumbline_proxy.audit TO plumbline_audit;

GRANT CREATE ON SCHEMA plumbline_proxy TO plumbline_audit;
ALTER FUNCTION plumbline_proxy.lock_store() OWNER TO plumbline_audit;
ALTER FUNCTION plumbline_proxy.bump_generation() OWNER TO plumbline_audit;
ALTER FUNCTION plumbline_proxy.record_change(text, text, text, jsonb, jsonb, bigint) OWNER TO plumbline_audit;
ALTER FUNCTION plumbline_proxy.resource_changed() OWNER TO plumbline_audit;
ALTER FUNCTION plumbline_proxy.resources_truncated() OWNER TO plumbline_audit;
REVOKE CREATE ON SCHEMA plumbline_proxy FROM plumbline_audit;
REVOKE ALL ON FUNCTION plumbline_proxy.lock_store(), plumbline_proxy.bump_generation(),
    plumbline_proxy.resource_changed(), plumbline_proxy.resources_truncated(),
    plumbline_proxy.record_change(text, text, text, jsonb, jsonb, bigint) FROM PUBLIC;

CREATE TRIGGER resources_lock_store BEFORE INSERT OR UPDATE OR DELETE ON plumbline_proxy.resources
    FOR EACH STATEMENT EXECUTE FUNCTION plumbline_proxy.lock_store();
CREATE TRIGGER resources_inserted_or_deleted AFTER INSERT OR DELETE ON plumbline_proxy.resources
    FOR EACH ROW EXECUTE FUNCTION plumbline_proxy.resource_changed();
CREATE TRIGGER resources_updated AFTER UPDATE ON plumbline_proxy.resources
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION plumbline_proxy.resource_changed();
CREATE TRIGGER resources_truncated BEFORE TRUNCATE ON plumbline_proxy.resources
    FOR EACH STATEMENT EXECUTE FUNCTION plumbline_proxy.resources_truncated();

-- One run of a pipeline at a time, over all processes. Every transaction of a run checks and renews its row: a process
-- that was paused for longer than its lease cannot write.
CREATE TABLE plumbline_proxy.pipelines (
    name text PRIMARY KEY,
    holder text NOT NULL,
    epoch bigint NOT NULL,
    expires_at timestamptz NOT NULL,
    run text,
    -- Where the next run goes on, for a source that cannot be marked; of which source, so that another one begins anew.
    position text,
    position_of text,
    -- What waited when the last run ended, and since when.
    backlog bigint,
    oldest_at timestamptz
);

CREATE TABLE plumbline_proxy.runs (
    -- A ULID: runs sort by time as text.
    id text COLLATE "C" PRIMARY KEY,
    pipeline text NOT NULL,
    trigger text NOT NULL CHECK (trigger IN ('schedule', 'api')),
    requested_by text,
    started_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    -- Null while it runs.
    status text CHECK (status IN ('success', 'partial', 'failure')),
    read bigint NOT NULL DEFAULT 0,
    loaded bigint NOT NULL DEFAULT 0,
    duplicates bigint NOT NULL DEFAULT 0,
    dead bigint NOT NULL DEFAULT 0,
    acknowledged bigint NOT NULL DEFAULT 0,
    -- Whether nothing waited at the end; false where the time was up.
    drained boolean,
    error text
);
CREATE INDEX runs_by_pipeline ON plumbline_proxy.runs (pipeline, id DESC);

-- Documents that could not become events. Written in the transaction of the page that they were on, and acknowledged at
-- the source like all others: they starve nobody.
CREATE TABLE plumbline_proxy.dead_letters (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pipeline text NOT NULL,
    document text NOT NULL,
    reason text NOT NULL,
    -- The document as far as it fits; null where it was no document, then the excerpt is its beginning.
    body jsonb,
    excerpt text,
    attempts bigint NOT NULL DEFAULT 1,
    first_at timestamptz NOT NULL DEFAULT now(),
    last_at timestamptz NOT NULL DEFAULT now(),
    run text NOT NULL,
    UNIQUE (pipeline, document)
);
CREATE INDEX dead_letters_by_time ON plumbline_proxy.dead_letters (last_at);

-- The proxy's role owns nothing. It may not write its own audit.
GRANT SELECT, INSERT, UPDATE, DELETE ON plumbline_proxy.resources, plumbline_proxy.resource_health,
    plumbline_proxy.config_requests, plumbline_proxy.instances, plumbline_proxy.leases, plumbline_proxy.pipelines,
    plumbline_proxy.runs, plumbline_proxy.dead_letters TO plumbline_proxy;
GRANT SELECT, UPDATE ON plumbline_proxy.stores TO plumbline_proxy;
GRANT SELECT ON plumbline_proxy.audit TO plumbline_proxy;
GRANT USAGE ON SCHEMA plumbline TO plumbline_proxy;
GRANT SELECT ON schema_migrations, partitions TO plumbline_proxy;
GRANT SELECT, INSERT ON events, event_keys TO plumbline_proxy;
GRANT EXECUTE ON FUNCTION event_partition(timestamptz) TO plumbline_proxy;

GRANT SELECT ON ALL TABLES IN SCHEMA plumbline_proxy TO operator;
GRANT INSERT, UPDATE, DELETE ON plumbline_proxy.resources TO operator;
