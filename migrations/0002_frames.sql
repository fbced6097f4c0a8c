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
