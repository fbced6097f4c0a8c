import Telemetry

/// The way for frames of which some are there already: through a temporary table, series by series.
extension FrameWriter {
    /// Counts what is new, the same and other, and makes the stored frames what the later write says.
    func merge(_ groups: [Group]) async throws(DatabaseError) -> IngestCounts {
        try await inTransaction { (connection, sequence) throws(DatabaseError) in
            var counts = IngestCounts()
            _ = try connection.execute(
                "CREATE TEMPORARY TABLE incoming (LIKE frames INCLUDING DEFAULTS) ON COMMIT DROP")
            for group in groups {
                _ = try connection.copyIn(
                    "COPY incoming (\(FrameEncoder.columns)) FROM STDIN (FORMAT binary)",
                    FrameEncoder.encode(group.rows, sequence: sequence))
                _ = try connection.execute(Self.lockStatement(group.partition))
                let row: SQLRow = try connection.execute(Self.mergeStatement(group.partition)).only()
                // Somebody else wrote one of the frames in between: from the beginning, which then finds it.
                guard try row.int("inserted") == row.int("unknown") else { throw Self.overtaken }
                counts.stored += try row.int("stored")
                counts.duplicates += try row.int("duplicates")
                counts.replaced += try row.int("replaced")
                _ = try connection.execute("TRUNCATE incoming")
            }
            try markRollups(groups, connection)
            return counts
        }
    }

    /// In a statement of its own: the next one then sees what the writers that it waited for have left. In order of the
    /// key, so that two that merge the same frames cannot wait for each other.
    private static func lockStatement(_ partition: String) -> String {
        """
        SELECT FROM \(partition) AS stored JOIN incoming USING (source, time, layout)
        ORDER BY source, time, layout FOR UPDATE OF stored
        """
    }

    /// Of a frame that is there each series that was sent takes the place of what was stored, be it a value or the end of
    /// the series; a series that is absent leaves what is there. Frames that are the same as a whole are the usual case
    /// (a reply was lost, and the batch sent again) and are not taken apart.
    private static func mergeStatement(_ partition: String) -> String {
        """
        WITH known AS MATERIALIZED (
            SELECT source, time, layout, sent.values AS sent_values, sent.stale AS sent_stale, sent.ingest_seq,
                stored.values AS stored_values, stored.stale AS stored_stale,
                sent.values IS NOT DISTINCT FROM stored.values AND sent.stale IS NOT DISTINCT FROM stored.stale AS is_same
            FROM incoming AS sent JOIN \(partition) AS stored USING (source, time, layout)
        ), unknown AS MATERIALIZED (
            SELECT * FROM incoming AS sent
            WHERE NOT EXISTS (SELECT FROM known WHERE (known.source, known.time, known.layout)
                = (sent.source, sent.time, sent.layout))
        ), judged AS MATERIALIZED (
            SELECT source, time, layout, ingest_seq, item.*
            FROM known CROSS JOIN LATERAL (
                SELECT array_agg(CASE WHEN is_sent THEN sent_value ELSE stored_value END ORDER BY position) AS values,
                    string_agg(CASE WHEN CASE WHEN is_sent THEN sent_ends ELSE stored_ends END THEN '1' ELSE '0' END, ''
                        ORDER BY position) FILTER (WHERE sent_stale IS NOT NULL OR stored_stale IS NOT NULL)
                        ::bit varying AS stale,
                    count(*) FILTER (WHERE is_sent AND NOT is_stored) AS stored,
                    count(*) FILTER (WHERE is_sent AND is_stored AND is_equal) AS duplicates,
                    count(*) FILTER (WHERE is_sent AND is_stored AND NOT is_equal) AS replaced
                FROM unnest(sent_values, stored_values) WITH ORDINALITY AS pair (sent_value, stored_value, position)
                CROSS JOIN LATERAL (
                    SELECT coalesce(get_bit(sent_stale, position::integer - 1) = 1, false) AS sent_ends,
                        coalesce(get_bit(stored_stale, position::integer - 1) = 1, false) AS stored_ends
                ) AS ends
                CROSS JOIN LATERAL (
                    SELECT sent_value IS NOT NULL OR sent_ends AS is_sent,
                        stored_value IS NOT NULL OR stored_ends AS is_stored,
                        sent_ends = stored_ends AND sent_value IS NOT DISTINCT FROM stored_value AS is_equal
                ) AS judgement
            ) AS item
            WHERE NOT is_same
        ), merged AS (
            SELECT * FROM judged WHERE stored + replaced > 0
        ), updated AS (
            UPDATE \(partition) AS stored SET values = merged.values,
                stale = CASE WHEN bit_count(merged.stale) > 0 THEN merged.stale END, ingest_seq = merged.ingest_seq
            FROM merged
            WHERE (stored.source, stored.time, stored.layout) = (merged.source, merged.time, merged.layout)
        ), inserted AS (
            INSERT INTO \(partition) (\(FrameEncoder.columns)) SELECT \(FrameEncoder.columns) FROM unknown
            ON CONFLICT DO NOTHING RETURNING 1
        )
        SELECT (SELECT count(*) FROM inserted) AS inserted, (SELECT count(*) FROM unknown) AS unknown,
            (SELECT coalesce(sum(\(sampleCount("values", "stale"))), 0) FROM unknown)
                + (SELECT coalesce(sum(stored), 0) FROM judged) AS stored,
            (SELECT coalesce(sum(\(sampleCount("sent_values", "sent_stale"))), 0) FROM known WHERE is_same)
                + (SELECT coalesce(sum(duplicates), 0) FROM judged) AS duplicates,
            (SELECT coalesce(sum(replaced), 0) FROM judged) AS replaced
        """
    }

    private static func sampleCount(_ values: String, _ stale: String) -> String {
        "cardinality(\(values)) - cardinality(array_positions(\(values), NULL)) + coalesce(bit_count(\(stale)), 0)"
    }
}
