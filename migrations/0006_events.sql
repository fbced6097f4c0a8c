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
