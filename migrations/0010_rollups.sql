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
