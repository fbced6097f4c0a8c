import ColumnCodec
import Compression
import Database
import Glibc
import PlatformClient
import PromQL
import Runtime
import Telemetry
import TestSupport
import Testing

@testable import Operator

/// `plumb backup` and `plumb restore --database`: from one database into an empty one of another, with the same answers.
@Suite struct DatabaseRestoreTests {
    /// 2026-11-01T00:00:00Z
    private let start = Timestamp(seconds: 1_793_491_200)

    private func store(_ database: TestDatabase) -> FrameStore {
        let zstd = ByteCompression(
            compress: { Zstd.compress($0) }, decompress: { try? Zstd.decompress($0, atMost: $1) })
        return FrameStore(pool: database.pool, compression: zstd) { [start] in start + .days(10) }
    }

    /// Three days of two hosts; where partitions are native, the first day is sealed, and one sample of it came late.
    private func fill(_ database: TestDatabase) async throws {
        let frames: FrameStore = store(database)
        for host in ["web", "db"] {
            var batch = FrameBatch(
                source: Source(host: host, producer: "p"),
                series: [Series("requests_total", ["path": "/"]), Series("load"), Series("disk", ["unit": "%"])],
                frames: [])
            for minute in stride(from: 0, to: 3 * 1440, by: 5) {
                let place = Double(minute)
                batch.frames.append(
                    Frame(
                        time: start + .minutes(Int64(minute)),
                        values: [place * 3, minute % 35 == 0 ? nil : (place * 7).remainder(dividingBy: 11), 50]))
            }
            _ = try await frames.store([batch])
        }
        if try await frames.partitioning.style() == .native {
            let blocks = BlockStore(pool: database.pool, compression: nil)
            let policy = SealPolicy(sealAfter: .hours(48))
            while let step = SealPlan.steps(try await blocks.tables(), policy, now: start + .days(3)).first {
                try await blocks.take(step, under: nil)
            }
            #expect(try await blocks.tables().map(\.state).contains(.sealed))
        }
        let late = FrameBatch(
            source: Source(host: "web", producer: "p"), series: [Series("load")],
            frames: [Frame(time: start + .minutes(61), values: [1e6])])
        _ = try await frames.store([late])
        let leadership = try #require(
            try await LeaderStore(pool: database.pool).lead("rollups", holder: "test", for: .hours(1)))
        _ = try await frames.rollups.state(now: start - .days(1))
        try await frames.rollups.advance(to: start + .hours(30), under: leadership)
        for mark in try await frames.rollups.marks(before: start + .hours(30), atMost: 1000) {
            _ = try await frames.rollups.make([mark.source], hour: mark.hour, under: leadership)
        }
    }

    private static let expressions: [String] = [
        "load", "requests_total", "sum(load)", "avg by (host) (load)", "rate(requests_total[1h])",
        "increase(requests_total[1d])", "max_over_time(load[36h])", "min_over_time(load[2h])",
        "count_over_time(requests_total[3d])", "avg_over_time(disk[1d])", "quantile(0.9, load)", "load > 2",
        "topk(1, load)", "stddev_over_time(load[6h])", "sum by (path) (rate(requests_total[2h]))",
        "last_over_time(load[4h])",
    ]

    /// Twenty questions: as texts, so that every bit of an answer counts.
    private func answers(_ database: TestDatabase) async throws -> [String: String] {
        let frames: FrameStore = store(database)
        var answers: [String: String] = [:]
        for text in Self.expressions {
            let expression = try PromQL.parse(text)
            let range = try QueryRange(
                from: start + .hours(1), through: start + .hours(71), step: .minutes(35))
            let data: [[SeriesData]] = try await frames.load(expression.selections(over: range))
            answers[text] = "\(try expression.evaluate(over: range, data: data))"
        }
        let span = "'2026-11-01', '2026-11-04', '1h'"
        for sql in [
            "SELECT count(*)::text || ' ' || sum(value)::text AS a FROM plumbline.metrics_recent",
            "SELECT string_agg(m::text, ' ' ORDER BY m::text) AS a FROM plumbline.metric_range('load', '{}', \(span)) AS m",
            "SELECT string_agg(m::text, ' ' ORDER BY m::text) AS a FROM plumbline.metrics_1h AS m",
            """
            SELECT string_agg(m::text, ' ' ORDER BY m::text) AS a FROM plumbline.metric_rate('requests_total', '{}',
                '2026-11-01', '2026-11-04', '1h') AS m
            """,
        ] { answers[sql] = try await database.person(sql).only()["a"].string ?? "nothing" }
        return answers
    }

    private func backUp(_ database: TestDatabase, to file: String) async throws -> BackupManifest {
        let descriptor: Int32 = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        defer { close(descriptor) }
        return try await BackupRun(
            database: database.address, directory: nil, progress: ProgressLine(isTerminal: false, write: { _ in })
        ).write(to: descriptor, name: file)
    }

    private func restore(_ file: String, into database: TestDatabase) async throws -> RestoreRun.Outcome {
        let run = RestoreRun(file: file, progress: ProgressLine(isTerminal: false, write: { _ in })) { _ in }
        return try await run.restore(intoDatabase: database.superuserAddress)
    }

    private func drill(from source: TestDatabase, into target: TestDatabase) async throws {
        try await withTemporaryFolder { folder in
            try await fill(source)
            let expected: [String: String] = try await answers(source)
            #expect(expected.count == 20 && expected.values.allSatisfy { $0.utf8.count > 10 && $0 != "nothing" })
            let manifest: BackupManifest = try await backUp(source, to: "\(folder)/backup")
            let outcome: RestoreRun.Outcome = try await restore("\(folder)/backup", into: target)
            #expect(outcome.manifest == manifest)
            let found: [String: String] = try await answers(target)
            for (question, answer) in expected { #expect(found[question] == answer, "\(question)") }
            // It is a store that can be used, and another one.
            let ids: [String] = try await [source, target].asyncMap {
                try await $0.superuser("SELECT store_id::text AS id FROM plumbline.stores").only().string("id")
            }
            #expect(ids[0] != ids[1] && ids[1] == outcome.voided.storeID)
            for hours: Int64 in [70, 80] {
                let batch = FrameBatch(
                    source: Source(host: "new", producer: "p"), series: [Series("load")],
                    frames: [Frame(time: start + .hours(hours), values: [Double(hours)])])
                #expect(try await store(target).store([batch]).stored == 1)
                #expect(try await store(target).store([batch]).duplicates == 1)
            }
            await #expect(throws: OperatorError.self, "it is not empty any more") {
                _ = try await restore("\(folder)/backup", into: target)
            }
        }
    }

    // Shows F-OP-03
    @Test func `a database of another PostgreSQL gives the same twenty answers`() async throws {
        try await drill(from: try await TestPostgres.database(), into: try await TestPostgres.emptyDatabase())
    }

    // Shows F-OP-03, F-SV-12
    @Test(.enabled(if: TestPostgres.hasTimescale, "TimescaleDB is not installed for this PostgreSQL"))
    func `hypertables are carried with their rows, compressed ones too, and are hypertables again`() async throws {
        let source = try await TestPostgres.timescaleDatabase()
        let target = try await TestPostgres.emptyTimescaleDatabase()
        let frames: FrameStore = store(source)
        _ = try await frames.store([
            FrameBatch(
                source: Source(host: "old", producer: "p"), series: [Series("load")],
                frames: (0..<50).map { Frame(time: start - .days(1) + .minutes($0), values: [Double($0)]) })
        ])
        try await source.superuser(
            """
            ALTER TABLE plumbline.frames SET (timescaledb.compress, timescaledb.compress_segmentby = 'source, layout',
                timescaledb.compress_orderby = 'time')
            """)
        try await source.superuser("SELECT public.compress_chunk(c) FROM public.show_chunks('plumbline.frames') AS c")
        try await drill(from: source, into: target)
        #expect(try await store(target).partitioning.style() == .hypertable)
        let question = "SELECT count(*) AS n FROM timescaledb_information.chunks WHERE hypertable_name = 'frames'"
        #expect(try await target.superuser(question).only().int("n") == 5)
        let old = "SELECT count(*) AS n FROM plumbline.frames WHERE time < '2026-11-01'"
        #expect(try await target.superuser(old).only().int("n") == 50)
        // Each chunk has the indexes.
        let keys =
            "SELECT count(*) AS n FROM pg_constraint JOIN pg_inherits ON inhrelid = conrelid "
            + "WHERE inhparent = 'plumbline.frames'::regclass AND contype = 'p'"
        #expect(try await target.superuser(keys).only().int("n") == 5)
    }

    @Test(.enabled(if: TestPostgres.hasTimescale, "TimescaleDB is not installed for this PostgreSQL"))
    func `hypertables do not go where TimescaleDB is not loaded, and nothing is left behind`() async throws {
        let target = try await TestPostgres.emptyDatabase()
        try await withTemporaryFolder { folder in
            _ = try await backUp(try await TestPostgres.timescaleDatabase(), to: "\(folder)/backup")
            let error = await #expect(throws: OperatorError.self) {
                _ = try await restore("\(folder)/backup", into: target)
            }
            #expect(error?.description.contains("shared_preload_libraries = 'timescaledb'") == true)
            let found = try await target.superuser("SELECT FROM pg_namespace WHERE nspname = 'plumbline'")
            #expect(found.rows.isEmpty)
            let run = RestoreRun(
                file: "\(folder)/backup", progress: ProgressLine(isTerminal: false, write: { _ in })
            ) { _ in }
            let other = await #expect(throws: OperatorError.self) {
                _ = try await run.restore(into: DataDirectory("\(folder)/data"), movingAside: false)
            }
            #expect(other?.description.contains("--database") == true)
            #expect(!Files.exists("\(folder)/data"))
        }
    }
}

extension Array {
    fileprivate func asyncMap<Result>(_ transform: (Element) async throws -> Result) async throws -> [Result] {
        var results: [Result] = []
        for element in self { results.append(try await transform(element)) }
        return results
    }
}
