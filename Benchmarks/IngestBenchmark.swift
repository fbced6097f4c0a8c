import Database
import Declarations
import Operator
import PlatformClient
import Runtime
import Telemetry

/// Frames from HTTP to commit, against a bare COPY of the same rows in the same PostgreSQL, one after the other.
struct IngestBenchmark: Sendable {
    let duration: Duration
    let clients: Int

    private static let warmUp: Duration = .seconds(2)

    private struct Cell: Sendable {
        var series: Int
        var framesPerTransaction: Int
        func host(_ client: Int) -> String { "bench-\(series)-\(framesPerTransaction)-\(client)" }
    }

    func run(on platform: BenchPlatform) async throws {
        let connection = try await PostgresConnection(platform.database, applicationName: "plumb-bench")
        try await describe(connection)
        try await connection.script("CREATE TABLE \(CopyLoad.table) (LIKE frames INCLUDING ALL)")
        var table = MarkdownTable([
            "series", "rows/tx", "frames/tx", "frames/s", "samples/s", "p50 ms", "p99 ms", "CPU s/M", "COPY frames/s",
            "p50 ms", "p99 ms", "CPU s/M", "ratio",
        ])
        for series in [50, 500] {
            for frames in [1, 10, 100] {
                let cell = Cell(series: series, framesPerTransaction: frames)
                let ours: Measurement = try await ingest(cell, platform)
                let layouts: [Int] = try await verifyStored(cell, connection)
                let peer: Measurement = try await copy(cell, layouts, platform)
                table.append(row(cell, rows: layouts.count * frames, ours, peer))
                print("  \(series) series, \(frames) frames: \((ours.framesPerSecond / peer.framesPerSecond).text(2))")
            }
        }
        print("\n" + table.text)
        await connection.close()
    }

    private func describe(_ connection: PostgresConnection) async throws {
        print(
            "\nIngest: \(clients) clients, one request or COPY at a time each; \(duration.inSeconds.text(0)) s a cell.")
        for setting in ["server_version", "fsync", "synchronous_commit", "full_page_writes", "shared_buffers"] {
            let value: String = try await connection.execute("SELECT current_setting('\(setting)') AS value").only()
                .string("value")
            print("PostgreSQL \(setting): \(value)")
            if setting == "fsync" || setting == "synchronous_commit", value != "on" {
                throw BenchError("\(setting) is \(value): nothing would be measured")
            }
        }
    }

    // MARK: Ours

    private func ingest(_ cell: Cell, _ platform: BenchPlatform) async throws -> Measurement {
        var loads: [HTTPLoad] = []
        // Within a day that the server accepts; the cells' hosts are their own, so the times may be the same.
        let start: Timestamp = Timestamp.now() - .hours(1)
        for client in 0..<clients {
            let host: String = cell.host(client)
            let answer: JSONValue = try await platform.client(token: "admin").json(
                .post, "/api/v1/tokens",
                body: ["subject": .string(host), "scopes": ["ingest"], "host": .string(host), "for": "1h"])
            guard let token = answer["token"]?.string else { throw BenchError("no token for \(host)") }
            loads.append(
                try HTTPLoad(
                    host: host, url: platform.record.serverURL, token: token, frames: cell.framesPerTransaction,
                    series: cell.series, start: start))
        }
        return try await measure(loads, platform) { load, deadline in try await load.run(until: deadline) }
    }

    /// Checks that what was acknowledged is there. Answers the widths of the rows that one frame became.
    private func verifyStored(_ cell: Cell, _ connection: PostgresConnection) async throws -> [Int] {
        let host = SQLValue.text(cell.host(0))
        let result: SQLResult = try await connection.execute(
            """
            SELECT cardinality(layouts.series) AS width FROM sources
            JOIN source_layouts ON source_layouts.source = sources.id JOIN layouts ON layouts.id = source_layouts.layout
            WHERE sources.host = $1 ORDER BY layouts.id
            """, [host])
        var widths: [Int] = []
        for row in result.rows { widths.append(try row.int("width")) }
        guard widths.reduce(0, +) == cell.series else { throw BenchError("\(cell.series) series became \(widths)") }
        return widths
    }

    // MARK: The peer

    private func copy(_ cell: Cell, _ layouts: [Int], _ platform: BenchPlatform) async throws -> Measurement {
        var loads: [Peer] = []
        for client in 0..<clients {
            let source = Int32(cell.series * 10_000 + cell.framesPerTransaction * 10 + client)
            loads.append(
                Peer(
                    connection: try await PostgresConnection(platform.database, applicationName: "plumb-bench"),
                    load: CopyLoad(
                        source: source, frames: cell.framesPerTransaction, layouts: layouts,
                        start: Timestamp.now() - .hours(1))))
        }
        let measurement: Measurement = try await measure(loads, platform) { peer, deadline in
            try await peer.load.run(on: peer.connection, until: deadline)
        }
        for peer in loads { await peer.connection.close() }
        return measurement
    }

    private struct Peer: Sendable {
        var connection: PostgresConnection
        var load: CopyLoad
    }

    // MARK: Both

    /// Warms up, then measures: all clients at once, from a fresh checkpoint on.
    private func measure<Load: Sendable>(
        _ loads: [Load], _ platform: BenchPlatform,
        _ run: @escaping @Sendable (inout Load, ContinuousClock.Instant) async throws -> Measurement
    ) async throws -> Measurement {
        let (warm, _) = try await together(loads, for: Self.warmUp, run)
        let superuser = try await PostgresConnection(platform.superuser, applicationName: "plumb-bench")
        _ = try await superuser.execute("CHECKPOINT")
        await superuser.close()
        let clock = ContinuousClock()
        let before = ProcessorTime(platform.record)
        let start: ContinuousClock.Instant = clock.now
        var (_, measurement) = try await together(warm, for: duration, run)
        measurement.elapsed = clock.now - start
        let used: ProcessorTime = ProcessorTime(platform.record) - before
        measurement.processorSeconds = used.server + used.postgres
        return measurement
    }

    /// Answers the loads as they are afterwards: their times have moved on.
    private func together<Load: Sendable>(
        _ loads: [Load], for duration: Duration,
        _ run: @escaping @Sendable (inout Load, ContinuousClock.Instant) async throws -> Measurement
    ) async throws -> ([Load], Measurement) {
        let deadline: ContinuousClock.Instant = .now + duration
        return try await withThrowingTaskGroup(of: (Load, Measurement).self) { group in
            for load in loads {
                group.addTask {
                    var load: Load = load
                    let measurement: Measurement = try await run(&load, deadline)
                    return (load, measurement)
                }
            }
            var after: [Load] = []
            var sum = Measurement()
            for try await (load, measurement) in group {
                after.append(load)
                sum = sum + measurement
            }
            return (after, sum)
        }
    }

    private func row(_ cell: Cell, rows: Int, _ ours: Measurement, _ peer: Measurement) -> [String] {
        func figures(_ measurement: Measurement) -> [String] {
            [
                measurement.milliseconds(atQuantile: 0.5).text(1), measurement.milliseconds(atQuantile: 0.99).text(1),
                measurement.processorSecondsPerMillionSamples.text(2),
            ]
        }
        let head: [String] = [
            "\(cell.series)", "\(rows)", "\(cell.framesPerTransaction)", ours.framesPerSecond.text(0),
            ours.samplesPerSecond.text(0),
        ]
        return head + figures(ours) + [peer.framesPerSecond.text(0)] + figures(peer)
            + [(ours.framesPerSecond / peer.framesPerSecond).text(2)]
    }
}
