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
