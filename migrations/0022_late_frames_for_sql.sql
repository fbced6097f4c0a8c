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
