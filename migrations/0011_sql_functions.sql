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
