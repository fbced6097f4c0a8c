import ColumnCodec
import Database
import Glibc
import PromQL
import Runtime
import Telemetry
import TestSupport
import Testing

/// kill -9 of the server, of PostgreSQL and of single sessions while samples are written and sealed: what was acknowledged
/// is stored, once, with its value; of what was not, each request is stored as a whole or not at all.
///
/// `make faults` runs 50 rounds; `PLUMBLINE_FAULT_ROUNDS` and `PLUMBLINE_FAULT_SEED` choose others.
@Suite(.serialized) struct KillTests {
    private static func number(_ variable: String) -> UInt64? {
        getenv(variable).flatMap { UInt64(String(cString: $0)) }
    }
    private static let rounds = Int(number("PLUMBLINE_FAULT_ROUNDS") ?? 6)
    /// A run of this many is the proof; fewer are a look.
    private static var isProof: Bool { rounds >= 50 }

    // Shows F-SV-05, F-OP-13
    @Test(.timeLimit(.minutes(60)))
    func `what is acknowledged is stored once, whatever is killed, and the rest whole or not at all`() async throws {
        let seed: UInt64 = Self.number("PLUMBLINE_FAULT_SEED") ?? UInt64.random(in: 0 ... .max)
        print("faults: PLUMBLINE_FAULT_SEED=\(seed), \(Self.rounds) rounds")
        var random = Seeded(seed)
        let postgres = try await FaultPostgres()
        try await Self.cutShort(postgres)
        let server = try FaultServer(postgres.address)
        try await server.start()
        var writers: [FaultWriter] = []
        // Old enough to be sealed at once: tables are closed and rewritten while they are written into.
        let base: Timestamp = .now() - .days(3)
        for number in 1...3 {
            let host = "fault-\(number)"
            writers.append(
                FaultWriter(
                    host: host, base: base, url: server.url, token: try await server.token(host: host),
                    seed: random.next()))
        }
        var tally = KillTally()
        for round in 1...Self.rounds {
            let victim: KillRound.Victim = KillRound.Victim.allCases[(round - 1) % KillRound.Victim.allCases.count]
            tally.rounds.append(try await self.round(round, victim, postgres, server, writers, &random))
        }
        for writer in writers { tally.stored += try await everything(of: writer, postgres) }
        // The same once all of it, and what came late, is in blocks, where a duplicate would show.
        try await Self.waitUntilSealed(postgres)
        (tally.inBlocks, tally.sealedSpans) = try await Self.blocks(postgres)
        for writer in writers { _ = try await everything(of: writer, postgres) }
        print("faults:\n\(tally.text)")
        #expect(tally.acknowledged > 0)
        #expect(tally.stored == tally.acknowledged + tally.storedUnanswered, "stored is what was acknowledged")
        #expect(tally.inBlocks == tally.stored, "nothing is stored twice")
        #expect(tally.roundsThatCutCommits > 0)
        #expect(tally.rounds.contains { $0.sealsCutOff > 0 } && tally.sealedSpans > 1)
        if Self.isProof {
            #expect(
                tally.roundsThatCutCommits * 2 >= Self.rounds, "at least half of the rounds must interrupt a commit")
            #expect(tally.rounds.allSatisfy { $0.rate >= 50_000 })
        }
        server.kill()
        try await postgres.kill()
    }

    /// Makes spans of two seconds of the samples' time, so that there is always one to seal. Nobody makes them ahead, half
    /// a day of them; and nobody makes rollups: of an hour that all samples lie in, again and again, that would be all
    /// that the machine does.
    private static func cutShort(_ postgres: FaultPostgres) async throws {
        let connection: PostgresConnection = try await postgres.connect()
        _ = try await connection.execute(
            "UPDATE plumbline.partition_widths SET width = '2 seconds' WHERE dataset = 'metrics'")
        _ = try await connection.execute(
            """
            INSERT INTO plumbline.leaders (task, holder, epoch, expires_at)
            SELECT task, 'nobody', 1, now() + interval '12 hours' FROM unnest(ARRAY['rollups', 'partitions']) AS task
            """)
        await connection.close()
    }

    private func round(
        _ number: Int, _ victim: KillRound.Victim, _ postgres: FaultPostgres, _ server: FaultServer,
        _ writers: [FaultWriter], _ random: inout Seeded
    ) async throws -> KillRound {
        var result = KillRound(victim: victim)
        let known: [Int] = writers.map(\.requests.count)
        let before: Int = writers.reduce(0) { $0 + $1.acknowledged }
        let start: ContinuousClock.Instant = .now
        let work = Task {
            await withTaskGroup(of: Void.self) { group in
                for writer in writers { group.addTask { await writer.run() } }
            }
        }
        _ = try await answered("samples are taken", within: .seconds(60)) {
            writers.allSatisfy { $0.acknowledged > 0 } && writers.reduce(0) { $0 + $1.acknowledged } > before
                ? true : nil
        }
        try await Task.sleep(for: .milliseconds(Int.random(in: 300...1200, using: &random)))
        // Every fourth blow falls blindly, the others when a transaction is held that has written.
        let isBlind: Bool = random.next() % 4 == 0
        let watcher: PostgresConnection = try await postgres.connect()
        // Every other blow falls while a span is being sealed.
        let patience: ContinuousClock.Instant = .now + (number % 2 == 0 ? .seconds(5) : .zero)
        var building: [String] = try await Self.building(watcher)
        while building.isEmpty, ContinuousClock.now < patience { building = try await Self.building(watcher) }
        let writing: [Writing] =
            isBlind ? try await Self.writing(watcher) : try await Self.held(watcher, patience: .seconds(20))
        switch victim {
        case .server: server.kill()
        case .postgres: try await postgres.kill()
        case .session: if let one = writing.randomElement(using: &random) { _ = kill(one.process, SIGKILL) }
        }
        for one in writing { _ = kill(one.process, SIGCONT) }
        if victim == .server, !isBlind { result.answersCutOff = writing.count }
        let seconds: Double = Self.seconds(.now - start)
        result.rate = Int(Double(writers.reduce(0) { $0 + $1.acknowledged } - before) / seconds)
        await watcher.close()
        if victim == .postgres { try await postgres.start() }
        (result.rolledBack, result.sealsCutOff) = try await Self.cutOff(postgres, writing, building)
        if victim == .server {
            // As if the lease of the one that is gone had ended.
            let connection: PostgresConnection = try await postgres.connect()
            _ = try await connection.execute("DELETE FROM plumbline.leaders WHERE task = 'sealing'")
            await connection.close()
            try await server.start()
        }
        // It works again, for everybody, without help.
        let counts: [Int] = writers.map(\.acknowledged)
        _ = try await answered("samples are taken again after \(victim) was killed", within: .seconds(120)) {
            zip(writers, counts).allSatisfy { $0.acknowledged > $1 } ? true : nil
        }
        for writer in writers { writer.stop() }
        await work.value
        try await withStore(postgres) { store in
            for (writer, seen) in zip(writers, known) {
                let requests: ArraySlice<FaultWriter.Request> = writer.requests.dropFirst(seen)
                let found = try await check("round \(number) (\(victim))", requests, of: writer, store)
                result.storedUnanswered += found.unanswered
                result.unanswered += requests.count { $0.lost > 0 }
            }
        }
        result.acknowledged = writers.reduce(0) { $0 + $1.acknowledged } - before
        return result
    }

    /// A session of the server that is within a transaction that has written.
    private struct Writing: Sendable {
        var process: Int32
        var transaction: String
    }

    /// Of transactions that had written, how many were rolled back; of tables of blocks, how many are still not read. Asked
    /// as soon as PostgreSQL answers. A number that a crash lets come again counts as the later transaction's: what is
    /// given is never too much.
    private static func cutOff(
        _ postgres: FaultPostgres, _ writing: [Writing], _ building: [String]
    ) async throws -> (rolledBack: Int, seals: Int) {
        let row: SQLRow = try await answered("what was under way has ended") {
            let connection: PostgresConnection = try await postgres.connect()
            let row: SQLRow = try await connection.execute(
                """
                SELECT count(*) FILTER (WHERE state = 'aborted') AS aborted,
                    count(*) FILTER (WHERE state = 'in progress') AS open,
                    (SELECT count(*) FROM plumbline.partitions WHERE name = ANY ($2) AND state = 'building') AS building
                FROM unnest($1::text[]) AS seen (number), LATERAL (SELECT CASE
                    WHEN number::xid8 >= pg_snapshot_xmax(pg_current_snapshot()) THEN 'aborted'
                    ELSE pg_xact_status(number::xid8) END AS state) AS found
                """, [.textArray(writing.map(\.transaction)), .textArray(building)]
            ).only()
            await connection.close()
            return try row.int("open") == 0 ? row : nil
        }
        return (try row.int("aborted"), try row.int("building"))
    }

    private static func writing(_ connection: PostgresConnection) async throws -> [Writing] {
        try await connection.execute(
            """
            SELECT pid, backend_xid::text AS number FROM pg_stat_activity
            WHERE datname = 'plumbline' AND pid <> pg_backend_pid()
                AND backend_type = 'client backend' AND backend_xid IS NOT NULL
            """
        ).rows.compactMap { row in
            guard let process = row["pid"].int.flatMap({ Int32(exactly: $0) }), let number = row["number"].string
            else { return nil }
            return Writing(process: process, transaction: number)
        }
    }

    /// Stops one that is within its transaction, so that the blow meets it there: transactions last a millisecond or two, and
    /// most would be over before a signal comes. Empty where `patience` ends first.
    private static func held(_ connection: PostgresConnection, patience: Duration) async throws -> [Writing] {
        let deadline: ContinuousClock.Instant = .now + patience
        while ContinuousClock.now < deadline {
            for one in try await writing(connection) where kill(one.process, SIGSTOP) == 0 {
                // What it holds may be what the question needs.
                let release = Task {
                    try await Task.sleep(for: .milliseconds(200))
                    _ = kill(one.process, SIGCONT)
                }
                // With this, all that was written before is on disk: else a crash of PostgreSQL gives the number of the one
                // that is held to another.
                _ = try await connection.execute(
                    "UPDATE plumbline.leaders SET holder = holder WHERE task = 'partitions'")
                let state: String? = try await connection.execute(
                    "SELECT pg_xact_status($1::xid8) AS state", [.text(one.transaction)]
                ).only()["state"].string
                release.cancel()
                // Stopped once more, should it have been let go in this very moment.
                if state == "in progress", kill(one.process, SIGSTOP) == 0 { return [one] }
                _ = kill(one.process, SIGCONT)
            }
        }
        return []
    }

    // MARK: The account

    private func withStore<R>(_ postgres: FaultPostgres, _ body: (FrameStore) async throws -> R) async throws -> R {
        let connection: PostgresConnection = try await answered("PostgreSQL answers") { try await postgres.connect() }
        await connection.close()
        let pool = DatabasePool(address: postgres.address, size: 2, applicationName: "fault tests")
        let result: R = try await body(FrameStore(pool: pool, compression: .zstd))
        await pool.close()
        return result
    }

    /// All that a writer ever sent, by the account and in samples.
    private func everything(of writer: FaultWriter, _ postgres: FaultPostgres) async throws -> Int {
        try await withStore(postgres) { store in
            var samples = 0
            // What fits into memory.
            var rest: ArraySlice<FaultWriter.Request> = writer.requests[...]
            while !rest.isEmpty {
                samples += try await check("at the end", rest.prefix(500), of: writer, store).samples
                rest = rest.dropFirst(500)
            }
            return samples
        }
    }

    /// Compares what was sent with what is there. Gives the samples that are, and how many requests without an answer.
    private func check(
        _ when: String, _ requests: ArraySlice<FaultWriter.Request>, of writer: FaultWriter, _ store: FrameStore
    ) async throws -> (samples: Int, unanswered: Int) {
        guard let first = requests.first?.first, let last = requests.last?.first else { return (0, 0) }
        let stored: [Int: (right: Int, rows: Int)] = try await self.stored(
            store, writer, first..<last + FaultWriter.framesPerRequest)
        var (samples, unanswered): (Int, Int) = (0, 0)
        for request in requests {
            let found = stored[request.first / FaultWriter.framesPerRequest] ?? (0, 0)
            let whole = FaultWriter.framesPerRequest
            let place = "\(when), \(writer.host), frames from \(request.first)"
            #expect(found.right == found.rows, "\(place): \(found.rows - found.right) frames are not what was sent")
            if request.isAcknowledged {
                #expect(found.rows == whole, "\(place): acknowledged, and \(found.rows) of \(whole) frames are there")
            } else {
                #expect(
                    found.rows == whole || found.rows == 0, "\(place): \(found.rows) of \(whole) frames are there")
                if found.rows == whole { unanswered += 1 }
            }
            samples += found.right * FaultWriter.series
        }
        return (samples, unanswered)
    }

    /// Frames by the number of their request, read as queries read them, from frames and blocks: how many there are, and
    /// how many of them have every value that was sent.
    private func stored(
        _ store: FrameStore, _ writer: FaultWriter, _ frames: Range<Int>
    ) async throws -> [Int: (right: Int, rows: Int)] {
        let base: Int64 = writer.base.milliseconds
        let series: [SeriesData] =
            try await store.load([
                Selection(
                    matchers: [
                        try Matcher(metricNameLabel, .equal, "fault_value"), try Matcher("host", .equal, writer.host),
                    ],
                    after: base + Int64(frames.lowerBound) - 1, through: base + Int64(frames.upperBound) - 1)
            ]).first ?? []
        var right = [Int](repeating: 0, count: frames.count)
        var present = [Bool](repeating: false, count: frames.count)
        for one in series {
            let place: Int = one.labels["s"].flatMap { Int($0) } ?? -1
            for (time, value) in zip(one.times, one.values) {
                let number = Int(time - base)
                present[number - frames.lowerBound] = true
                if value == Double(number * 1000 + place) { right[number - frames.lowerBound] += 1 }
            }
        }
        var counts: [Int: (right: Int, rows: Int)] = [:]
        for (place, number) in frames.enumerated() where present[place] {
            let isRight: Bool = right[place] == FaultWriter.series && series.count == FaultWriter.series
            let known = counts[number / FaultWriter.framesPerRequest] ?? (0, 0)
            counts[number / FaultWriter.framesPerRequest] = (known.right + (isRight ? 1 : 0), known.rows + 1)
        }
        return counts
    }

    /// Every span, and what came late for it, which would wait beside its blocks for hours.
    private static func waitUntilSealed(_ postgres: FaultPostgres) async throws {
        let connection: PostgresConnection = try await postgres.connect()
        _ = try await answered("every span is sealed", within: .seconds(600)) { () async throws -> Bool? in
            _ = try await connection.execute(
                """
                UPDATE plumbline.partitions SET changed_at = now() - interval '1 day'
                WHERE dataset = 'metrics' AND state = 'open' AND changed_at > now() - interval '12 hours'
                """)
            let row: SQLRow = try await connection.execute(
                """
                SELECT count(*) AS left_over FROM plumbline.partitions
                WHERE dataset = 'metrics' AND state IN ('open', 'closed', 'building')
                """
            ).only()
            return try row.int("left_over") == 0 ? true : nil
        }
        await connection.close()
    }

    /// What all blocks that are read hold.
    private static func blocks(_ postgres: FaultPostgres) async throws -> (samples: Int, spans: Int) {
        let connection: PostgresConnection = try await postgres.connect()
        let tables: [String] = try await connection.execute(
            "SELECT name FROM plumbline.partitions WHERE dataset = 'metrics' AND state = 'sealed'"
        ).rows.compactMap { $0["name"].string }
        var samples = 0
        for table in tables {
            samples += try await connection.execute(
                "SELECT coalesce(sum(rows::bigint * cardinality(ends)), 0)::bigint AS n FROM plumbline.\(table)"
            ).only().int("n")
        }
        await connection.close()
        return (samples, tables.count)
    }

    private static func building(_ connection: PostgresConnection) async throws -> [String] {
        try await connection.execute("SELECT name FROM plumbline.partitions WHERE state = 'building'").rows.compactMap {
            $0["name"].string
        }
    }

    private static func seconds(_ duration: Duration) -> Double {
        Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18
    }
}
