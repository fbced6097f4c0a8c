import Database
import Operator
import Telemetry

/// The questions of ``BenchQuery`` as a user of TimescaleDB asks them in SQL, of a hypertable with a row for each sample
/// and a table that names the series.
struct TimescaleQueries: Sendable {
    let fleet: Fleet
    /// Milliseconds since 1970.
    let end: Int64

    /// What names the series, by their numbers.
    func registration() -> [String] {
        (0..<fleet.hosts).map { host in
            let rows: [String] = fleet.series.enumerated().map { place, series in
                "(\(host * fleet.seriesPerHost + place), '\(fleet.host(host))', '\(series.name)')"
            }
            return "INSERT INTO series VALUES \(rows.joined(separator: ", "))"
        }
    }

    /// By the names of ``BenchQuery/all(_:)``, in their order.
    var all: [(name: String, sql: String)] {
        let host: String = fleet.host(fleet.hosts / 2)
        let day: String = since(24 * 3600)
        let percent = "series = ANY (ARRAY(SELECT id FROM series WHERE metric = 'bench_percent_0'))"
        let counter = "series = ANY (ARRAY(SELECT id FROM series WHERE metric = 'bench_counter_0'))"
        let byFive = "time_bucket('5 minutes', time)"
        let metrics: String = fleet.series.prefix(12).map { "'\($0.name)'" }.joined(separator: ", ")
        let sql: [String] = [
            """
            SELECT time_bucket('1 minute', time) AS at, last(value, time) FROM samples
            WHERE series = (SELECT id FROM series WHERE host = '\(host)' AND metric = 'bench_percent_0') AND \(since(3600))
            GROUP BY at ORDER BY at
            """,
            "SELECT \(byFive) AS at, avg(value) FROM samples WHERE \(percent) AND \(day) GROUP BY at ORDER BY at",
            """
            SELECT at, avg(value) FROM (SELECT \(byFive) AS at, series, avg(value) AS value FROM samples
                WHERE \(percent) AND \(day) GROUP BY at, series) AS each GROUP BY at ORDER BY at
            """,
            """
            SELECT host, at, value FROM (SELECT \(byFive) AS at, series, avg(value) AS value FROM samples
                WHERE \(percent) AND \(day) GROUP BY at, series) AS each JOIN series ON id = series ORDER BY host, at
            """,
            """
            SELECT host, at, grown / 300 FROM (SELECT \(byFive) AS at, series, max(value) - min(value) AS grown
                FROM samples WHERE \(counter) AND \(day) GROUP BY at, series) AS each JOIN series ON id = series
            ORDER BY host, at
            """,
            """
            SELECT host, value FROM (SELECT series, avg(value) AS value FROM samples WHERE \(percent) AND \(day)
                GROUP BY series) AS each JOIN series ON id = series ORDER BY value DESC LIMIT 10
            """,
            """
            SELECT series, \(byFive) AS at, avg(value) FROM samples WHERE series = ANY (ARRAY(SELECT id FROM series
                WHERE host = '\(host)' AND metric IN (\(metrics)))) AND \(day) GROUP BY series, at ORDER BY series, at
            """,
        ]
        return zip(BenchQuery.all(fleet).map(\.name), sql).map { ($0, $1) }
    }

    private func since(_ seconds: Int64) -> String {
        let (from, to) = (Timestamp(milliseconds: end - seconds * 1000), Timestamp(milliseconds: end))
        return "time > '\(from.rfc3339)' AND time <= '\(to.rfc3339)'"
    }

    /// As ``QueryTarget`` asks: until two and a half seconds or 40 rounds have gone by, after three that are not counted.
    func ask(_ connection: PostgresConnection) async throws -> [(name: String, latencies: Measurement)] {
        var outcomes: [(name: String, latencies: Measurement)] = []
        let clock = ContinuousClock()
        for (name, sql) in all {
            var latencies = Measurement()
            let deadline: ContinuousClock.Instant = clock.now + .milliseconds(2500)
            for round in 0..<43 where round < 6 || clock.now < deadline {
                let start: ContinuousClock.Instant = clock.now
                let rows: Int = try await connection.execute(sql, [], format: .binary).rows.count
                if round >= 3 { latencies.latencies.append(clock.now - start) }
                guard rows > 0 else { throw BenchError("TimescaleDB has no answer to: \(name)") }
            }
            outcomes.append((name, latencies))
            print("  \(name): \(latencies.milliseconds(atQuantile: 0.5).text(2)) ms")
        }
        return outcomes
    }
}
