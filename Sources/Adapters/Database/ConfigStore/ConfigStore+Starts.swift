package import Telemetry

extension ConfigStore {
    /// What is left of a process that crashed soon after it had begun to run a generation.
    package struct Crash: Hashable, Sendable {
        package var generation: Int
        /// How many in a row, this one included.
        package var count: Int

        package init(generation: Int, count: Int) {
            self.generation = generation
            self.count = count
        }
    }

    /// Counts the crash of the process before this one; nil where that ended in order or had lived long enough.
    package func countCrash(of instance: String) async throws(ConfigStoreError) -> Crash? {
        try await transaction { connection in
            try connection.execute(
                "UPDATE \(schema).starts SET crashes = crashes + 1 WHERE instance = $1 RETURNING generation, crashes",
                [.text(instance)]
            ).rows.first.map { try Crash(generation: $0.int("generation"), count: $0.int("crashes")) }
        }
    }

    /// Says that the process is about to run a generation. Crashes under another one count no more.
    package func beginGeneration(_ generation: Int, of instance: String) async throws(ConfigStoreError) {
        try await transaction { connection in
            _ = try connection.execute(
                """
                INSERT INTO \(schema).starts AS known (instance, generation) VALUES ($1, $2)
                ON CONFLICT (instance) DO UPDATE SET loaded_at = now(), generation = excluded.generation,
                    crashes = CASE WHEN known.generation = excluded.generation THEN known.crashes ELSE 0 END
                """, [.text(instance), .integer(generation)])
        }
    }

    /// Forgets the process where it has run its generation for `span`; says whether there is nothing left of it.
    package func settleStart(of instance: String, after span: PromDuration) async throws(ConfigStoreError) -> Bool {
        try await transaction { connection in
            try connection.execute(
                """
                WITH settled AS (
                    DELETE FROM \(schema).starts
                    WHERE instance = $1 AND loaded_at <= now() - make_interval(secs => $2) RETURNING instance)
                SELECT NOT EXISTS (SELECT FROM \(schema).starts WHERE instance = $1)
                    OR EXISTS (SELECT FROM settled) AS is_settled
                """, [.text(instance), .double(span.seconds)]
            ).only().bool("is_settled")
        }
    }
}
