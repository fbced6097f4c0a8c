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
