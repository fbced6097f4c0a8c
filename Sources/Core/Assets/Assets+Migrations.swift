// Written by scripts/generate-assets from migrations/. Do not edit.
// swift-format-ignore-file

extension Assets {
    /// The files of `migrations/`, sorted by path.
    package static let migrations: [Asset] = [
        Asset(
            path: "migrations/0001_config.sql",
            text: #"""
-- The config store: resources, what changed them, who holds the right to enforce.
--
-- Every change of a resource, whoever makes it and through whatever program, bumps the store's generation, writes an
-- audit row and notifies, by triggers that run as a role which cannot log in. See docs/reference/database.md.

-- People look at everything, also at what later migrations create; what they may change is granted table by table.
GRANT USAGE ON SCHEMA plumbline TO operator, plumbline_audit;
ALTER DEFAULT PRIVILEGES IN SCHEMA plumbline GRANT SELECT ON TABLES TO operator;

CREATE TABLE stores (
    -- One row: a database holds one store.
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    store_id uuid NOT NULL DEFAULT gen_random_uuid(),
    generation bigint NOT NULL DEFAULT 0,
    -- The transaction that bumped the generation last, so that one transaction bumps once, however many rows it changes.
    changed_in xid8,
    created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO stores DEFAULT VALUES;

CREATE TABLE resources (
    kind text NOT NULL CHECK (kind ~ '^[A-Z][A-Za-z0-9]{0,62}$'),
    name text NOT NULL CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    spec jsonb NOT NULL,
    -- The source name of the credential that created it; a row made by hand belongs to the role that made it.
    owner text NOT NULL DEFAULT session_user,
    -- What the owning source applied last, and from which commit.
    applied_digest text,
    applied_revision text,
    -- The commit, file, line and author of the present form, as it was when its digest last changed.
    source jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, name),
    CHECK ((applied_digest IS NULL) = (applied_revision IS NULL))
);

-- What the component says of its resources. Apart, because it is no configuration: it bumps no generation.
CREATE TABLE resource_health (
    kind text NOT NULL,
    name text NOT NULL,
    state text NOT NULL CHECK (state IN ('healthy', 'invalid', 'secretMissing', 'failing')),
    message text,
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, name)
);

CREATE TABLE audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    generation bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    kind text NOT NULL,
    name text NOT NULL,
    operation text NOT NULL CHECK (operation IN ('insert', 'update', 'delete', 'truncate')),
    -- The spec before and after; null where there was or is none.
    before jsonb,
    after jsonb,
    who text NOT NULL,
    via text NOT NULL CHECK (via IN ('git', 'api', 'sql', 'file')),
    details jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_by_key ON audit (kind, name, id DESC);
CREATE INDEX audit_by_generation ON audit (generation, id);

-- Patches that were applied, for a day, so that one whose reply was lost can be sent again.
CREATE TABLE config_requests (
    request_id text PRIMARY KEY,
    writer text NOT NULL,
    -- SHA-256 of the patch: an id that comes again with other content is a mistake.
    patch_digest text NOT NULL,
    answer jsonb NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX config_requests_by_time ON config_requests (at);

-- The running processes of the component, by their heartbeats.
CREATE TABLE instances (
    id text PRIMARY KEY,
    component text NOT NULL,
    loaded_generation bigint NOT NULL,
    loaded_digest text NOT NULL,
    error text,
    heartbeat_at timestamptz NOT NULL DEFAULT now()
);

-- The right to enforce, per source, judged by this database's clock.
CREATE TABLE leases (
    source text PRIMARY KEY,
    holder text NOT NULL,
    epoch bigint NOT NULL CHECK (epoch > 0),
    expires_at timestamptz NOT NULL,
    -- The last commit that the source accepted: the history anchor.
    accepted_commit text
);

-- Everybody who changes a resource takes the store's row first, before any row of resources: without that, a patch
-- (store, then resource) and a change by SQL (resource, then store in the row trigger) could wait for each other.
CREATE FUNCTION lock_store() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM 1 FROM plumbline.stores FOR UPDATE;
    RETURN NULL;
END
$$;

-- Grows the generation, once per transaction, and gives it. A rolled-back savepoint takes its bump with it.
CREATE FUNCTION bump_generation() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    present bigint;
BEGIN
    UPDATE plumbline.stores SET generation = generation + 1, changed_in = pg_current_xact_id()
        WHERE changed_in IS DISTINCT FROM pg_current_xact_id()
        RETURNING generation INTO present;
    IF FOUND THEN
        PERFORM pg_notify('plumbline_config', present::text);
        RETURN present;
    END IF;
    SELECT generation INTO STRICT present FROM plumbline.stores;
    RETURN present;
END
$$;

-- Writes one audit row. What the settings plumb.… say is believed only of the service's own role: anybody can set a
-- setting. Everybody else is who they logged in as, also after SET ROLE.
CREATE FUNCTION record_change(
    kind text, name text, operation text, before jsonb, after jsonb, grown bigint
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    actor text := nullif(current_setting('plumb.actor', true), '');
    channel text := coalesce(nullif(current_setting('plumb.via', true), ''), 'api');
    details jsonb := coalesce(nullif(current_setting('plumb.details', true), ''), '{}')::jsonb;
BEGIN
    IF session_user <> 'plumbline' OR actor IS NULL THEN
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
    INSERT INTO plumbline.audit (generation, kind, name, operation, before, after, who, via, details)
        VALUES (grown, kind, name, operation, before, after, actor, channel, coalesce(details, '{}'));
END
$$;

CREATE FUNCTION resource_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    grown bigint := plumbline.bump_generation();
BEGIN
    CASE
    WHEN TG_OP = 'INSERT' THEN
        PERFORM plumbline.record_change(NEW.kind, NEW.name, 'insert', NULL, NEW.spec, grown);
    WHEN TG_OP = 'DELETE' THEN
        PERFORM plumbline.record_change(OLD.kind, OLD.name, 'delete', OLD.spec, NULL, grown);
    WHEN (OLD.kind, OLD.name) IS DISTINCT FROM (NEW.kind, NEW.name) THEN
        PERFORM plumbline.record_change(OLD.kind, OLD.name, 'delete', OLD.spec, NULL, grown);
        PERFORM plumbline.record_change(NEW.kind, NEW.name, 'insert', NULL, NEW.spec, grown);
    ELSE
        PERFORM plumbline.record_change(NEW.kind, NEW.name, 'update', OLD.spec, NEW.spec, grown);
    END CASE;
    RETURN NULL;
END
$$;

-- TRUNCATE fires no row triggers, so its rows are read before they go.
CREATE FUNCTION resources_truncated() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    grown bigint := plumbline.bump_generation();
BEGIN
    PERFORM plumbline.record_change(gone.kind, gone.name, 'truncate', gone.spec, NULL, grown)
        FROM (SELECT kind, name, spec FROM plumbline.resources ORDER BY kind, name) AS gone;
    RETURN NULL;
END
$$;

GRANT SELECT, UPDATE ON stores TO plumbline_audit;
GRANT SELECT ON resources TO plumbline_audit;
GRANT SELECT, INSERT ON audit TO plumbline_audit;

-- Ownership can be given only to a role that could have created the function here.
GRANT CREATE ON SCHEMA plumbline TO plumbline_audit;
ALTER FUNCTION lock_store() OWNER TO plumbline_audit;
ALTER FUNCTION bump_generation() OWNER TO plumbline_audit;
ALTER FUNCTION record_change(text, text, text, jsonb, jsonb, bigint) OWNER TO plumbline_audit;
ALTER FUNCTION resource_changed() OWNER TO plumbline_audit;
ALTER FUNCTION resources_truncated() OWNER TO plumbline_audit;
REVOKE CREATE ON SCHEMA plumbline FROM plumbline_audit;

-- Nobody calls them but the triggers: a hand-made audit row would be a lie with a seal on it.
REVOKE ALL ON FUNCTION lock_store(), bump_generation(), resource_changed(), resources_truncated(),
    record_change(text, text, text, jsonb, jsonb, bigint) FROM PUBLIC;

CREATE TRIGGER resources_lock_store BEFORE INSERT OR UPDATE OR DELETE ON resources
    FOR EACH STATEMENT EXECUTE FUNCTION lock_store();
CREATE TRIGGER resources_inserted_or_deleted AFTER INSERT OR DELETE ON resources
    FOR EACH ROW EXECUTE FUNCTION resource_changed();
CREATE TRIGGER resources_updated AFTER UPDATE ON resources
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION resource_changed();
CREATE TRIGGER resources_truncated BEFORE TRUNCATE ON resources
    FOR EACH STATEMENT EXECUTE FUNCTION resources_truncated();

-- People may change the configuration by hand; it is obeyed, seen, attributed, and where git declares it, corrected.
GRANT SELECT ON ALL TABLES IN SCHEMA plumbline TO operator;
GRANT INSERT, UPDATE, DELETE ON resources TO operator;

"""#),
        Asset(
            path: "migrations/0002_frames.sql",
            text: #"""
-- Metrics: one row per scrape ("frame"). See docs/reference/metrics.md.

-- One producer of samples on one host.
CREATE TABLE sources (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    host text NOT NULL,
    producer text NOT NULL,
    UNIQUE (host, producer)
);

-- Names and labels, once per series. The host is the source's.
CREATE TABLE series (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    labels jsonb NOT NULL,
    UNIQUE (name, labels)
);

-- The ordered list of series that a frame's values are of; found by the SHA-256 of the list.
CREATE TABLE layouts (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hash bytea NOT NULL UNIQUE,
    series bigint[] NOT NULL
);
CREATE INDEX layouts_series ON layouts USING gin (series);

-- Which layouts a source has used, so that a query reads no frame of a source that cannot match.
CREATE TABLE source_layouts (
    source integer NOT NULL,
    layout integer NOT NULL,
    PRIMARY KEY (source, layout)
);

CREATE SEQUENCE frame_ingest_seq;

-- The parent serves SQL clients. Readers and writers of ours address partitions by name, from the catalogue: a DROP that
-- waits behind a long read of the parent would hold up inserts into every other partition.
CREATE TABLE frames (
    source integer NOT NULL,
    time timestamptz NOT NULL,
    layout integer NOT NULL,
    -- In the layout's order; NULL where a series was absent.
    values double precision[] COMPRESSION lz4 NOT NULL,
    -- One bit per value, set where the series ended there; NULL where none did. Never a NaN payload: a dump and restore
    -- would make it an ordinary NaN.
    stale bit varying,
    -- Of two frames that hold the same series at the same time the later ingest counts.
    ingest_seq bigint NOT NULL,
    PRIMARY KEY (source, time, layout)
) PARTITION BY RANGE (time);

CREATE TABLE partitions (
    dataset text NOT NULL,
    name text PRIMARY KEY,
    from_time timestamptz NOT NULL,
    to_time timestamptz NOT NULL,
    UNIQUE (dataset, from_time),
    CHECK (from_time < to_time)
);

-- How wide the partitions of a dataset are; a change counts for those made later.
CREATE TABLE partition_widths (
    dataset text PRIMARY KEY,
    width interval NOT NULL
);
INSERT INTO partition_widths VALUES ('metrics', '1 day');

-- Raw samples in the narrow shape, for psql and dashboards. It covers what is in frames: the recent window, once older
-- frames are sealed into compressed blocks.
CREATE VIEW metrics_recent AS
SELECT frame.time, source.host, source.producer, series.name AS metric, series.labels, item.value
FROM frames AS frame
JOIN sources AS source ON source.id = frame.source
JOIN layouts AS layout ON layout.id = frame.layout
CROSS JOIN LATERAL unnest(layout.series, frame.values) AS item (series, value)
JOIN series ON series.id = item.series
WHERE item.value IS NOT NULL;

"""#),
        Asset(
            path: "migrations/0003_alerts.sql",
            text: #"""
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

"""#),
        Asset(
            path: "migrations/0004_agents_reports.sql",
            text: #"""
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

"""#),
        Asset(
            path: "migrations/0005_logs.sql",
            text: #"""
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

"""#),
        Asset(
            path: "migrations/0006_events.sql",
            text: #"""
-- Events: what applications say has happened. See docs/reference/events.md.

CREATE TABLE events (
    time timestamptz NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY,
    source text NOT NULL,
    type text NOT NULL,
    -- The source's own name for it: (source, source_id) is stored once, see event_keys.
    source_id text NOT NULL,
    host text,
    payload jsonb NOT NULL,
    meta jsonb NOT NULL,
    -- The pipeline that loaded it; null for one that was sent to the gateway.
    pipeline text,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (time, id)
) PARTITION BY RANGE (time);
CREATE INDEX events_by_source ON events (source, time, id);
CREATE INDEX events_by_type ON events (type, time, id);

INSERT INTO partition_widths VALUES ('events', '7 days');

-- What was stored, whatever its time. A table that is partitioned by time cannot hold a key without the time, and a
-- document that is sent again may by then be mapped to another time, source or id: so a document of a pipeline is known
-- by its own id too.
CREATE TABLE event_keys (
    source text NOT NULL,
    source_id text NOT NULL,
    time timestamptz NOT NULL,
    pipeline text,
    document text,
    PRIMARY KEY (source, source_id),
    UNIQUE (pipeline, document),
    CHECK ((pipeline IS NULL) = (document IS NULL))
);
CREATE INDEX event_keys_by_time ON event_keys (time);

-- Makes the partition that holds `at`, where there is none, and gives its name. A function, because the proxy's role may
-- write events and own nothing.
CREATE FUNCTION event_partition(at timestamptz) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found text;
    width interval;
    low timestamptz;
    high timestamptz;
BEGIN
    SELECT name INTO found FROM plumbline.partitions
        WHERE dataset = 'events' AND from_time <= at AND to_time > at;
    IF found IS NOT NULL THEN RETURN found; END IF;
    -- The lock of whoever makes partitions; who waited finds what the other made.
    PERFORM pg_advisory_xact_lock(hashtext('plumbline.partitions'));
    SELECT name INTO found FROM plumbline.partitions
        WHERE dataset = 'events' AND from_time <= at AND to_time > at;
    IF found IS NOT NULL THEN RETURN found; END IF;
    SELECT widths.width INTO STRICT width FROM plumbline.partition_widths AS widths WHERE dataset = 'events';
    low := date_bin(width, at, timestamptz '2000-01-01 00:00:00+00');
    high := low + width;
    -- Narrower where a neighbour made under another width is in the way.
    SELECT greatest(low, max(to_time)) INTO low FROM plumbline.partitions WHERE dataset = 'events' AND to_time <= at;
    SELECT least(high, min(from_time)) INTO high FROM plumbline.partitions WHERE dataset = 'events' AND from_time > at;
    found := 'events_' || to_char(low AT TIME ZONE 'UTC', 'YYYYMMDD');
    IF to_char(low AT TIME ZONE 'UTC', 'HH24MISS') <> '000000' THEN
        found := found || to_char(low AT TIME ZONE 'UTC', 'HH24MISS');
    END IF;
    EXECUTE format('CREATE TABLE plumbline.%I PARTITION OF plumbline.events FOR VALUES FROM (%L) TO (%L)',
        found, low, high);
    INSERT INTO plumbline.partitions (dataset, name, from_time, to_time) VALUES ('events', found, low, high);
    RETURN found;
END
$$;
REVOKE ALL ON FUNCTION event_partition(timestamptz) FROM PUBLIC;

"""#),
        Asset(
            path: "migrations/0007_proxy.sql",
            text: #"""
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

"""#),
        Asset(
            path: "migrations/0008_host_status_history.sql",
            text: #"""
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

"""#),
        Asset(
            path: "migrations/0009_series_index.sql",
            text: #"""
-- Servers hold the series in memory and follow what is registered: each takes the pairs whose transaction had not ended
-- when it looked last. See docs/decisions/0092-series-are-planned-in-memory.md.
ALTER TABLE source_layouts ADD COLUMN registered xid8 NOT NULL DEFAULT pg_current_xact_id();
CREATE INDEX source_layouts_registered ON source_layouts (registered);

"""#),
        Asset(
            path: "migrations/0010_rollups.sql",
            text: #"""
-- Rollups: what is kept of samples by minute, five minutes and hour. See docs/reference/sql.md and docs/decisions/0093.
--
-- A bucket is open at its beginning and closed at its end, as PromQL's ranges are: a sample on an edge belongs to the
-- bucket that ends there. One row holds the buckets of one series of one source in the hour that begins at `time`,
-- element n of an array the n-th of them; where nothing was sampled elements are NULL (and `count` is 0).
--
-- What follows from another column is left out: an array that is NULL says `min` and `first` are as `first` and `last`,
-- `max` as `last`; no resets, no end. An array of one element holds for all buckets of the hour.
CREATE TABLE rollup_1m (
    source integer NOT NULL,
    series bigint NOT NULL,
    time timestamptz NOT NULL,
    count integer[] COMPRESSION lz4 NOT NULL,
    sum double precision[] COMPRESSION lz4,
    min double precision[] COMPRESSION lz4,
    max double precision[] COMPRESSION lz4,
    first double precision[] COMPRESSION lz4,
    last double precision[] COMPRESSION lz4,
    -- The sum of the values right before a smaller one within the bucket: what resets of a counter hid.
    resets double precision[] COMPRESSION lz4,
    -- Milliseconds after the beginning of the bucket.
    first_at integer[] COMPRESSION lz4,
    last_at integer[] COMPRESSION lz4,
    -- When the series ended, where nothing came after that in the bucket.
    ended integer[] COMPRESSION lz4,
    PRIMARY KEY (source, series, time)
) PARTITION BY RANGE (time);

-- Inside the row, compressed where that is worth it: a row read is a page read.
ALTER TABLE rollup_1m
    ALTER count SET STORAGE MAIN, ALTER sum SET STORAGE MAIN, ALTER min SET STORAGE MAIN, ALTER max SET STORAGE MAIN,
    ALTER first SET STORAGE MAIN, ALTER last SET STORAGE MAIN, ALTER resets SET STORAGE MAIN,
    ALTER first_at SET STORAGE MAIN, ALTER last_at SET STORAGE MAIN, ALTER ended SET STORAGE MAIN;

CREATE TABLE rollup_5m (LIKE rollup_1m INCLUDING ALL) PARTITION BY RANGE (time);

CREATE TABLE rollup_1h (
    source integer NOT NULL,
    series bigint NOT NULL,
    time timestamptz NOT NULL,
    count integer NOT NULL,
    sum double precision,
    min double precision,
    max double precision,
    first double precision,
    last double precision,
    resets double precision,
    first_at integer,
    last_at integer,
    ended integer,
    PRIMARY KEY (source, series, time)
) PARTITION BY RANGE (time);

INSERT INTO partition_widths VALUES ('rollup_1m', '1 day'), ('rollup_5m', '7 days'), ('rollup_1h', '28 days');

-- Hours that were written to after they were closed: a row by every transaction that did so. Whoever makes their rollups
-- anew deletes the rows that it saw, and so never one whose frames it did not see.
CREATE TABLE rollup_marks (
    source integer NOT NULL,
    hour timestamptz NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (source, hour, id)
);
CREATE INDEX rollup_marks_hour ON rollup_marks (hour);

-- The hours before `closed` have rollups, those that are marked apart.
CREATE TABLE rollup_state (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    closed timestamptz NOT NULL
);

"""#),
        Asset(
            path: "migrations/0011_sql_functions.sql",
            text: #"""
-- Metrics for SQL clients: rollups in the narrow shape, and functions for dashboards. See docs/reference/sql.md.
--
-- `time` is where a bucket begins. A bucket is open there and closed at its end.

-- What a counter grew by in a bucket: from the last value before it, or where there is none from its first; a value that
-- is smaller than the one before it says that the counter began at zero.
CREATE FUNCTION counter_increase(
    first double precision, last double precision, resets double precision, before double precision
) RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT last - coalesce(before, first) + coalesce(resets, 0) + CASE WHEN first < before THEN before ELSE 0 END
$$;

CREATE VIEW metrics_1m AS
SELECT rollup.time + (n - 1) * interval '1 minute' AS time, source.host, source.producer, series.name AS metric,
    series.labels, coalesce(rollup.count[n], rollup.count[1]) AS count, rollup.sum[n] AS sum,
    rollup.sum[n] / coalesce(rollup.count[n], rollup.count[1]) AS avg,
    coalesce(rollup.min[n], rollup.first[n], rollup.last[n]) AS min, coalesce(rollup.max[n], rollup.last[n]) AS max,
    coalesce(rollup.first[n], rollup.last[n]) AS first, rollup.last[n] AS last,
    counter_increase(
        coalesce(rollup.first[n], rollup.last[n]), rollup.last[n], rollup.resets[n],
        CASE WHEN n > 1 THEN rollup.last[n - 1] ELSE (
            SELECT before.last[60] FROM rollup_1m AS before
            WHERE before.source = rollup.source AND before.series = rollup.series
                AND before.time = rollup.time - interval '1 hour') END) AS increase
FROM rollup_1m AS rollup
CROSS JOIN generate_series(1, 60) AS n
JOIN sources AS source ON source.id = rollup.source
JOIN series ON series.id = rollup.series
WHERE rollup.last[n] IS NOT NULL;

CREATE VIEW metrics_5m AS
SELECT rollup.time + (n - 1) * interval '5 minutes' AS time, source.host, source.producer, series.name AS metric,
    series.labels, coalesce(rollup.count[n], rollup.count[1]) AS count, rollup.sum[n] AS sum,
    rollup.sum[n] / coalesce(rollup.count[n], rollup.count[1]) AS avg,
    coalesce(rollup.min[n], rollup.first[n], rollup.last[n]) AS min, coalesce(rollup.max[n], rollup.last[n]) AS max,
    coalesce(rollup.first[n], rollup.last[n]) AS first, rollup.last[n] AS last,
    counter_increase(
        coalesce(rollup.first[n], rollup.last[n]), rollup.last[n], rollup.resets[n],
        CASE WHEN n > 1 THEN rollup.last[n - 1] ELSE (
            SELECT before.last[12] FROM rollup_5m AS before
            WHERE before.source = rollup.source AND before.series = rollup.series
                AND before.time = rollup.time - interval '1 hour') END) AS increase
FROM rollup_5m AS rollup
CROSS JOIN generate_series(1, 12) AS n
JOIN sources AS source ON source.id = rollup.source
JOIN series ON series.id = rollup.series
WHERE rollup.last[n] IS NOT NULL;

CREATE VIEW metrics_1h AS
SELECT rollup.time, source.host, source.producer, series.name AS metric, series.labels, rollup.count, rollup.sum,
    rollup.sum / rollup.count AS avg, rollup.min, rollup.max, rollup.first, rollup.last,
    counter_increase(rollup.first, rollup.last, rollup.resets, (
        SELECT before.last FROM rollup_1h AS before
        WHERE before.source = rollup.source AND before.series = rollup.series
            AND before.time = rollup.time - interval '1 hour')) AS increase
FROM rollup_1h AS rollup
JOIN sources AS source ON source.id = rollup.source
JOIN series ON series.id = rollup.series
WHERE rollup.last IS NOT NULL;

-- The widths that functions take, and the rollup that each is made of.
CREATE TABLE metric_widths (
    name text PRIMARY KEY,
    width interval NOT NULL,
    base interval NOT NULL
);
INSERT INTO metric_widths VALUES
    ('1m', '1 minute', '1 minute'), ('5m', '5 minutes', '5 minutes'), ('15m', '15 minutes', '5 minutes'),
    ('1h', '1 hour', '1 hour'), ('6h', '6 hours', '1 hour'), ('1d', '1 day', '1 hour');

-- The narrowest width that is not below a span such as Grafana's $__interval.
CREATE FUNCTION metric_bucket(span text) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE SET search_path = plumbline AS $$
    SELECT coalesce(
        (SELECT name FROM metric_widths WHERE width >= span::interval ORDER BY width LIMIT 1),
        (SELECT name FROM metric_widths ORDER BY width DESC LIMIT 1))
$$;

-- The base buckets that begin at `after` or later and end by `through`: from rollups where hours are closed, from frames
-- where they are not. `labels` are those that a series must have; `host` and `job` (the producer) are its source's.
CREATE FUNCTION metric_buckets(
    metric text, labels jsonb, after timestamptz, through timestamptz, base interval
) RETURNS TABLE (
    "time" timestamptz, source integer, series bigint, count bigint, sum double precision, min double precision,
    max double precision, first double precision, last double precision, resets double precision
) LANGUAGE plpgsql STABLE SET search_path = plumbline AS $$
#variable_conflict use_column
DECLARE
    edge timestamptz := greatest(after, least(through, coalesce((SELECT closed FROM rollup_state), '-infinity')));
    wanted_labels jsonb := coalesce(metric_buckets.labels, '{}') - 'host' - 'job';
    wanted_host text := metric_buckets.labels ->> 'host';
    wanted_job text := metric_buckets.labels ->> 'job';
    statement text;
BEGIN
    -- Widths come from a table, never from the caller's text; so do the names of tables.
    statement := CASE base
        WHEN interval '1 hour' THEN
            'SELECT rollup.time, rollup.source, rollup.series, rollup.count::bigint, rollup.sum, rollup.min, rollup.max,
                rollup.first, rollup.last, rollup.resets
            FROM wanted JOIN rollup_1h AS rollup ON rollup.source = wanted.source AND rollup.series = wanted.series
            WHERE rollup.time >= $1 AND rollup.time < $2 AND rollup.last IS NOT NULL'
        ELSE format(
            'SELECT rollup.time + (n - 1) * $3, rollup.source, rollup.series,
                coalesce(rollup.count[n], rollup.count[1])::bigint, rollup.sum[n],
                coalesce(rollup.min[n], rollup.first[n], rollup.last[n]), coalesce(rollup.max[n], rollup.last[n]),
                coalesce(rollup.first[n], rollup.last[n]), rollup.last[n], rollup.resets[n]
            FROM wanted JOIN %I AS rollup ON rollup.source = wanted.source AND rollup.series = wanted.series
            CROSS JOIN generate_series(1, %s) AS n
            WHERE rollup.time > $1 - interval ''1 hour'' AND rollup.time < $2 AND rollup.last[n] IS NOT NULL
                AND rollup.time + (n - 1) * $3 >= $1 AND rollup.time + (n - 1) * $3 < $2',
            CASE base WHEN interval '1 minute' THEN 'rollup_1m' ELSE 'rollup_5m' END,
            CASE base WHEN interval '1 minute' THEN 60 ELSE 12 END) END;
    RETURN QUERY EXECUTE
        'WITH wanted AS MATERIALIZED (
            SELECT DISTINCT pair.source, series.id AS series FROM series
            JOIN layouts AS layout ON layout.series @> ARRAY[series.id]
            JOIN source_layouts AS pair ON pair.layout = layout.id
            JOIN sources AS source ON source.id = pair.source
            WHERE series.name = $4 AND series.labels @> $5 AND ($6 IS NULL OR source.host = $6)
                AND ($7 IS NULL OR coalesce(series.labels ->> ''job'', source.producer) = $7)
        ) ' || statement
        USING after, edge, base, metric, wanted_labels, wanted_host, wanted_job;
    IF edge >= through THEN RETURN; END IF;
    RETURN QUERY
        WITH wanted AS MATERIALIZED (
            SELECT pair.source, layout.id AS layout, item.position::integer AS position, series.id AS series FROM series
            JOIN layouts AS layout ON layout.series @> ARRAY[series.id]
            JOIN LATERAL unnest(layout.series) WITH ORDINALITY AS item (series, position) ON item.series = series.id
            JOIN source_layouts AS pair ON pair.layout = layout.id
            JOIN sources AS source ON source.id = pair.source
            WHERE series.name = metric AND series.labels @> wanted_labels
                AND (wanted_host IS NULL OR source.host = wanted_host)
                AND (wanted_job IS NULL OR coalesce(series.labels ->> 'job', source.producer) = wanted_job)
        ), sample AS (
            -- A sample on an edge belongs to the bucket that ends there; times count in whole milliseconds.
            SELECT date_bin(base, date_trunc('milliseconds', frame.time) - interval '1 microsecond',
                    timestamptz '2000-01-01 00:00:00+00') AS bucket,
                frame.time, wanted.source, wanted.series, frame.values[wanted.position] AS value
            FROM wanted JOIN frames AS frame ON frame.source = wanted.source AND frame.layout = wanted.layout
            WHERE frame.time > edge AND frame.time < through + interval '1 millisecond'
                AND frame.values[wanted.position] IS NOT NULL
        ), stepped AS (
            SELECT *, lag(value) OVER (PARTITION BY source, series, bucket ORDER BY time) AS before FROM sample
        )
        SELECT stepped.bucket, stepped.source, stepped.series, count(*), sum(value), min(value), max(value),
            (array_agg(value ORDER BY stepped.time))[1], (array_agg(value ORDER BY stepped.time DESC))[1],
            coalesce(sum(before) FILTER (WHERE value < before), 0)
        FROM stepped WHERE stepped.bucket >= edge AND stepped.bucket < through
        GROUP BY stepped.bucket, stepped.source, stepped.series;
END
$$;

CREATE FUNCTION metric_width(bucket text) RETURNS metric_widths LANGUAGE plpgsql STABLE SET search_path = plumbline AS $$
DECLARE
    found metric_widths;
BEGIN
    SELECT * INTO found FROM metric_widths WHERE name = bucket;
    IF found.name IS NULL THEN
        RAISE EXCEPTION 'bucket: expected one of %, got %',
            (SELECT string_agg(quote_literal(name), ', ' ORDER BY width) FROM metric_widths), quote_nullable(bucket)
            USING ERRCODE = 'invalid_parameter_value', HINT = 'metric_bucket(''2m'') gives the next one of the list.';
    END IF;
    RETURN found;
END
$$;

-- A metric's series in buckets: its average, or another aggregate, for each bucket between two instants.
CREATE FUNCTION metric_range(
    metric text, labels jsonb, after timestamptz, through timestamptz, bucket text DEFAULT '5m',
    aggregate text DEFAULT 'avg'
) RETURNS TABLE (
    "time" timestamptz, host text, producer text, metric_labels jsonb, value double precision
) LANGUAGE plpgsql STABLE SET search_path = plumbline AS $$
#variable_conflict use_column
DECLARE
    chosen metric_widths := metric_width(bucket);
    origin CONSTANT timestamptz := '2000-01-01 00:00:00+00';
    edge timestamptz := date_bin(chosen.width, after, origin);
BEGIN
    IF aggregate IS NULL OR aggregate <> ALL (ARRAY['avg', 'min', 'max', 'sum', 'count', 'first', 'last']) THEN
        RAISE EXCEPTION 'aggregate: expected one of avg, min, max, sum, count, first, last, got %',
            quote_nullable(aggregate) USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN QUERY
        SELECT date_bin(chosen.width, part.time, origin) AS start, source.host, source.producer, series.labels,
            CASE aggregate
                WHEN 'avg' THEN sum(part.sum) / sum(part.count)
                WHEN 'min' THEN min(part.min)
                WHEN 'max' THEN max(part.max)
                WHEN 'sum' THEN sum(part.sum)
                WHEN 'count' THEN sum(part.count)
                WHEN 'first' THEN (array_agg(part.first ORDER BY part.time))[1]
                ELSE (array_agg(part.last ORDER BY part.time DESC))[1]
            END::double precision
        FROM metric_buckets(metric, metric_range.labels, edge, through, chosen.base) AS part
        JOIN sources AS source ON source.id = part.source
        JOIN series ON series.id = part.series
        GROUP BY start, part.source, part.series, source.host, source.producer, series.labels
        ORDER BY start, source.host, series.labels;
END
$$;

-- How fast a counter grew, per second, in each bucket: what it grew by, resets seen, divided by the bucket's width.
CREATE FUNCTION metric_rate(
    metric text, labels jsonb, after timestamptz, through timestamptz, bucket text DEFAULT '5m'
) RETURNS TABLE (
    "time" timestamptz, host text, producer text, metric_labels jsonb, value double precision
) LANGUAGE plpgsql STABLE SET search_path = plumbline AS $$
#variable_conflict use_column
DECLARE
    chosen metric_widths := metric_width(bucket);
    origin CONSTANT timestamptz := '2000-01-01 00:00:00+00';
    edge timestamptz := date_bin(chosen.width, after, origin);
BEGIN
    RETURN QUERY
        WITH part AS (
            SELECT found.*, lag(found.last) OVER (PARTITION BY found.source, found.series ORDER BY found.time) AS before
            -- One bucket more, for the step into the first.
            FROM metric_buckets(metric, metric_rate.labels, edge - chosen.base, through, chosen.base) AS found
        )
        SELECT date_bin(chosen.width, part.time, origin) AS start, source.host, source.producer, series.labels,
            sum(counter_increase(part.first, part.last, part.resets, part.before)) / extract(epoch FROM chosen.width)
        FROM part
        JOIN sources AS source ON source.id = part.source
        JOIN series ON series.id = part.series
        WHERE part.time >= edge
        GROUP BY start, part.source, part.series, source.host, source.producer, series.labels
        ORDER BY start, source.host, series.labels;
END
$$;

"""#),
        Asset(
            path: "migrations/0012_sealing.sql",
            text: #"""
-- Sealed samples: frames of a span that has closed, rewritten as column blocks. See docs/formats/column-blocks.md and
-- docs/decisions/0083-a-flip-of-the-catalogue.md.

-- The shape of the tables that hold the blocks of one span each; it is never filled itself. One row is one block: the
-- series of one layout of one source, over rows that share their times.
CREATE TABLE blocks (
    source integer NOT NULL,
    layout integer NOT NULL,
    -- Of the first and of the last row, both included.
    from_time timestamptz NOT NULL,
    last_time timestamptz NOT NULL,
    rows integer NOT NULL,
    -- The version of the bytes below.
    version smallint NOT NULL,
    -- The latest of the frames that it was made of: of two that hold one series at one time the later counts.
    ingest_seq bigint NOT NULL,
    -- Where the column of each series ends in `columns`, so that one is read without the others.
    ends integer[] NOT NULL,
    times bytea NOT NULL,
    -- Count, first, last, least, greatest and sum of each series.
    summaries bytea NOT NULL,
    columns bytea NOT NULL,
    PRIMARY KEY (source, layout, from_time)
);
-- They are compressed already, and what is stored as it is can be read in part.
ALTER TABLE blocks
    ALTER times SET STORAGE EXTERNAL, ALTER summaries SET STORAGE EXTERNAL, ALTER columns SET STORAGE EXTERNAL;

-- What a table of the catalogue holds, and who may use it:
--   open      frames, read and written
--   closed    frames, read; writers are refused and find or make an open table for the span
--   building  blocks, neither read nor complete
--   sealed    blocks, read
--   leaving   nothing that is not elsewhere; dropped once nobody reads it any more
ALTER TABLE partitions
    ADD state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'closed', 'building', 'sealed', 'leaving')),
    ADD changed_at timestamptz NOT NULL DEFAULT now(),
    DROP CONSTRAINT partitions_dataset_from_time_key;
-- One table to write into, one that is being made and one that is read, for each span.
CREATE UNIQUE INDEX partitions_one_of_each ON partitions (dataset, from_time, state)
    WHERE state IN ('open', 'building', 'sealed');

-- Tells tables of one span apart.
CREATE SEQUENCE partition_number;

-- As if the table were gone (undefined_table): a writer then forgets what it knows of the catalogue and looks again.
CREATE FUNCTION refuse_writes() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% is closed to be sealed', TG_TABLE_NAME
        USING ERRCODE = 'undefined_table', HINT = 'write into the open table of this span that the catalogue names';
END;
$$;

"""#),
        Asset(
            path: "migrations/0013_retention.sql",
            text: #"""
-- Retention of parts of datasets, and TimescaleDB where it is installed. See docs/reference/retention.md.

-- Which partitions were gone through row by row, for which rules: who takes over goes on behind them.
CREATE TABLE retention_progress (
    dataset text NOT NULL,
    partition text NOT NULL,
    -- Of the rules whose time was over for this partition then.
    rules_digest text NOT NULL,
    rows_removed bigint NOT NULL DEFAULT 0,
    done_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (dataset, partition)
);

-- Where events are a hypertable of TimescaleDB, rows go into the table itself.
CREATE OR REPLACE FUNCTION event_partition(at timestamptz) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found text;
    width interval;
    low timestamptz;
    high timestamptz;
BEGIN
    IF (SELECT relkind FROM pg_class WHERE oid = 'plumbline.events'::regclass) <> 'p' THEN RETURN 'events'; END IF;
    SELECT name INTO found FROM plumbline.partitions
        WHERE dataset = 'events' AND from_time <= at AND to_time > at;
    IF found IS NOT NULL THEN RETURN found; END IF;
    -- The lock of whoever makes partitions; who waited finds what the other made.
    PERFORM pg_advisory_xact_lock(hashtext('plumbline.partitions'));
    SELECT name INTO found FROM plumbline.partitions
        WHERE dataset = 'events' AND from_time <= at AND to_time > at;
    IF found IS NOT NULL THEN RETURN found; END IF;
    SELECT widths.width INTO STRICT width FROM plumbline.partition_widths AS widths WHERE dataset = 'events';
    low := date_bin(width, at, timestamptz '2000-01-01 00:00:00+00');
    high := low + width;
    -- Narrower where a neighbour made under another width is in the way.
    SELECT greatest(low, max(to_time)) INTO low FROM plumbline.partitions WHERE dataset = 'events' AND to_time <= at;
    SELECT least(high, min(from_time)) INTO high FROM plumbline.partitions WHERE dataset = 'events' AND from_time > at;
    found := 'events_' || to_char(low AT TIME ZONE 'UTC', 'YYYYMMDD');
    IF to_char(low AT TIME ZONE 'UTC', 'HH24MISS') <> '000000' THEN
        found := found || to_char(low AT TIME ZONE 'UTC', 'HH24MISS');
    END IF;
    EXECUTE format('CREATE TABLE plumbline.%I PARTITION OF plumbline.events FOR VALUES FROM (%L) TO (%L)',
        found, low, high);
    INSERT INTO plumbline.partitions (dataset, name, from_time, to_time) VALUES ('events', found, low, high);
    RETURN found;
END
$$;

"""#),
        Asset(
            path: "migrations/0014_outbox_restored.sql",
            text: #"""
-- A notification that waited when a backup was taken is not sent after its restore: whoever runs now knows nothing of
-- what became of it.
ALTER TABLE outbox DROP CONSTRAINT outbox_state_check;
ALTER TABLE outbox ADD CONSTRAINT outbox_state_check CHECK (state IN ('waiting', 'delivered', 'dead', 'restored'));

"""#),
        Asset(
            path: "migrations/0015_keyed_by_source.sql",
            text: #"""
-- Lines and events are keyed by their host and source, as samples are: what is hot can be spread over machines by that
-- column (docs/scaling.md). The order by time, which reading across hosts goes by, keeps an index.

ALTER TABLE logs DROP CONSTRAINT logs_pkey;
DROP INDEX logs_host;
ALTER TABLE logs ADD PRIMARY KEY (host, time, id);
CREATE INDEX logs_time ON logs (time, id);

ALTER TABLE events DROP CONSTRAINT events_pkey;
DROP INDEX events_by_source;
ALTER TABLE events ADD PRIMARY KEY (source, time, id);
CREATE INDEX events_by_time ON events (time, id);

"""#),
        Asset(
            path: "migrations/0016_agent_credentials.sql",
            text: #"""
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

"""#),
        Asset(
            path: "migrations/0017_delivery_balance.sql",
            text: #"""
-- What agents say that they delivered, compared with what is stored.

-- Lines of files that were stored for each agent's ledger: counted in the transaction that stores them.
CREATE TABLE line_ledgers (
    host text NOT NULL,
    -- The agent's own name of its count; another after its state directory was lost.
    ledger text NOT NULL,
    stored bigint NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (host, ledger)
) WITH (fillfactor = 60);  -- room for the counting, which changes no index

-- Samples of one hour of one host: what its agent had acknowledged, and how many the store held when it was asked.
CREATE TABLE sample_balances (
    host text NOT NULL,
    -- The hour's end.
    ends_at timestamptz NOT NULL,
    ledger text NOT NULL,
    acknowledged bigint NOT NULL,
    stored bigint NOT NULL,
    checked_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (host, ends_at, ledger)
);

"""#),
        Asset(
            path: "migrations/0018_drift.sql",
            text: #"""
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

"""#),
        Asset(
            path: "migrations/0019_safe_mode.sql",
            text: #"""
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

"""#),
        Asset(
            path: "migrations/0020_reconcilers.sql",
            text: #"""
-- Who reconciles, how it goes, and what people were told of it.

-- A row per source: what its reconciler said at the end of its last run.
CREATE TABLE reconcilers (
    source text PRIMARY KEY,
    -- The machine that it runs on.
    host text NOT NULL,
    -- The longest that two ends of runs may lie apart; null for one that a timer starts.
    patience interval,
    -- When it was heard, by this database's clock.
    completed_at timestamptz NOT NULL DEFAULT now(),
    outcome text NOT NULL,
    -- The run's report.
    report text NOT NULL,
    -- The store's generation that the run saw last; null where the store did not answer.
    generation bigint,
    -- The commit that is enforced.
    commit text,
    committed_at timestamptz,
    -- The last run that found drift.
    drift_at timestamptz,
    drift_report text
);

-- What holds of a reconciler that people were told of, with the key of the notice: each transition is told once, also
-- across restarts and whoever leads.
CREATE TABLE reconciler_conditions (
    source text NOT NULL,
    condition text NOT NULL,
    since timestamptz NOT NULL DEFAULT now(),
    notice text NOT NULL,
    PRIMARY KEY (source, condition)
);

-- The notifier that delivered last, in the form that it had then. Notices about the reconciler go there too: it is the
-- reconciler that changes notifiers.
CREATE TABLE last_delivery (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    notifier text NOT NULL,
    spec jsonb NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);

-- The form of the notifier to use instead of the one that is declared when it is sent.
ALTER TABLE outbox ADD COLUMN via jsonb;

-- The commit that a host was last seen to have applied, when it was committed and when that was seen.
ALTER TABLE agents ADD COLUMN applied_commit text, ADD COLUMN applied_committed_at timestamptz,
    ADD COLUMN applied_at timestamptz;

"""#),
        Asset(
            path: "migrations/0021_previews.sql",
            text: #"""
-- Plans of branches that gitops-sync shows and never enforces: the last set of each source, replaced as a whole.
CREATE TABLE previews (
    source text PRIMARY KEY CHECK (length(source) BETWEEN 1 AND 128),
    received_at timestamptz NOT NULL DEFAULT now(),
    -- {"previews": [{"branch", "head", "plannedAt", "verdict", "report", …}], "leftOff": [branch]}
    previews jsonb NOT NULL
);

"""#),
        Asset(
            path: "migrations/0022_late_frames_for_sql.sql",
            text: #"""
-- Counted up in each transaction that makes rollups anew of an hour that is closed: servers that remember what they read
-- see by it that they have to read again. See docs/decisions/0118-one-look-before-reading.md.
ALTER TABLE rollup_state ADD generation bigint NOT NULL DEFAULT 0;

-- The parent of the tables that take frames of spans which are sealed, for SQL clients; it holds no rows itself. Two of
-- its children can hold one span, one that is being folded into the blocks and one that is written into, which two
-- partitions of `frames` cannot.
CREATE TABLE frames_late (LIKE frames INCLUDING ALL EXCLUDING IDENTITY);

DO $$
DECLARE
    late text;
BEGIN
    FOR late IN
        SELECT name FROM partitions JOIN pg_class ON relname = name AND relnamespace = 'plumbline'::regnamespace
        WHERE dataset = 'metrics' AND state IN ('open', 'closed') AND NOT relispartition
    LOOP
        EXECUTE format('ALTER TABLE %I INHERIT frames_late', late);
    END LOOP;
END $$;

CREATE OR REPLACE VIEW metrics_recent AS
SELECT frame.time, source.host, source.producer, series.name AS metric, series.labels, item.value
FROM (
    SELECT source, time, layout, values FROM frames
    UNION ALL
    SELECT source, time, layout, values FROM frames_late
) AS frame
JOIN sources AS source ON source.id = frame.source
JOIN layouts AS layout ON layout.id = frame.layout
CROSS JOIN LATERAL unnest(layout.series, frame.values) AS item (series, value)
JOIN series ON series.id = item.series
WHERE item.value IS NOT NULL;

"""#),
        Asset(
            path: "migrations/0023_host_clocks.sql",
            text: #"""
-- Hosts whose clock people were told is wrong, each with the key of that notice: told once, and once when it is over.
CREATE TABLE host_clocks (
    host text PRIMARY KEY,
    since timestamptz NOT NULL,
    notice text NOT NULL
);

"""#),
    ]
}
