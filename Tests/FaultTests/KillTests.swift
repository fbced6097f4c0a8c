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
    private enum Victim: String, CaseIterable { case server, postgres, session }

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
        var tally = Tally()
        for round in 1...Self.rounds {
            let victim: Victim = Victim.allCases[(round - 1) % Victim.allCases.count]
            try await self.round(round, victim, postgres, server, writers, &random, &tally)
        }
        // Once all of it is sealed, all of it is there still.
        try await Self.waitUntilSealed(postgres)
        var last = Tally()
        try await check(
            Self.rounds + 1, .server, postgres, writers, [Int](repeating: 0, count: writers.count), &last)
        tally.sealed = last.sealed
        print(
            "faults: \(tally.interrupted) of \(Self.rounds) rounds cut off a transaction that had written; \(tally.lost) requests "
                + "without an answer, \(tally.storedAnyway) of them stored; \(tally.acknowledged) samples acknowledged, "
                + "\(tally.slowest)/s to \(tally.fastest)/s while they were written; \(tally.sealing) blows fell while a "
                + "span was being sealed, \(tally.sealed) spans were")
        #expect(tally.acknowledged > 0)
        #expect(tally.interrupted > 0)
        #expect(tally.sealing > 0 && tally.sealed > 1)
        if Self.isProof {
            #expect(tally.interrupted * 2 >= Self.rounds, "at least half of the rounds must interrupt a commit")
            #expect(tally.slowest >= 50_000)
        }
        server.kill()
        try await postgres.kill()
    }

    private struct Tally {
        var interrupted = 0
        var lost = 0
        var storedAnyway = 0
        var acknowledged = 0
        var slowest = Int.max
        var fastest = 0
        var sealing = 0
        var sealed = 0
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
        _ number: Int, _ victim: Victim, _ postgres: FaultPostgres, _ server: FaultServer, _ writers: [FaultWriter],
        _ random: inout Seeded, _ tally: inout Tally
    ) async throws {
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
        // Every third blow falls blindly, the others when a transaction is seen that has written.
        let isBlind: Bool = random.next() % 3 == 0
        let watcher: PostgresConnection = try await postgres.connect()
        // Every other blow falls while a span is being sealed.
        let patience: ContinuousClock.Instant = .now + (number % 2 == 0 ? .seconds(5) : .zero)
        var isSealing: Bool = try await Self.isSealing(watcher)
        while !isSealing, ContinuousClock.now < patience { isSealing = try await Self.isSealing(watcher) }
        if isSealing { tally.sealing += 1 }
        let writing: [Int32] = try await self.writing(watcher, patience: isBlind ? .zero : .seconds(5))
        switch victim {
        case .server: server.kill()
        case .postgres: try await postgres.kill()
        case .session: if let one = writing.randomElement(using: &random) { _ = kill(one, SIGKILL) }
        }
        if !writing.isEmpty { tally.interrupted += 1 }
        let seconds: Double = Self.seconds(.now - start)
        let rate = Int(Double(writers.reduce(0) { $0 + $1.acknowledged } - before) / seconds)
        (tally.slowest, tally.fastest) = (min(tally.slowest, rate), max(tally.fastest, rate))
        await watcher.close()
        if victim == .postgres { try await postgres.start() }
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
        try await check(number, victim, postgres, writers, known, &tally)
        tally.acknowledged += writers.reduce(0) { $0 + $1.acknowledged } - before
    }

    /// The sessions of the server that are within a transaction that has written. Waits for one.
    private func writing(_ connection: PostgresConnection, patience: Duration) async throws -> [Int32] {
        let deadline: ContinuousClock.Instant = .now + patience
        repeat {
            let found: [Int32] = try await connection.execute(
                """
                SELECT pid FROM pg_stat_activity WHERE datname = 'plumbline' AND pid <> pg_backend_pid()
                    AND backend_type = 'client backend' AND backend_xid IS NOT NULL
                """
            ).rows.compactMap { $0["pid"].int.flatMap { Int32(exactly: $0) } }
            if !found.isEmpty { return found }
        } while ContinuousClock.now < deadline
        return []
    }

    // MARK: The account

    /// Compares what the round sent with what is there.
    private func check(
        _ number: Int, _ victim: Victim, _ postgres: FaultPostgres, _ writers: [FaultWriter], _ known: [Int],
        _ tally: inout Tally
    ) async throws {
        let connection: PostgresConnection = try await answered("PostgreSQL answers") { try await postgres.connect() }
        let pool = DatabasePool(address: postgres.address, size: 2, applicationName: "fault tests")
        let store = FrameStore(pool: pool, compression: .zstd)
        for (writer, seen) in zip(writers, known) {
            let requests: ArraySlice<FaultWriter.Request> = writer.requests.dropFirst(seen)
            guard let first = requests.first?.first, let last = requests.last?.first else { continue }
            let stored: [Int: (right: Int, rows: Int)] = try await self.stored(
                store, writer, first..<last + FaultWriter.framesPerRequest)
            for request in requests {
                let found = stored[request.first / FaultWriter.framesPerRequest] ?? (0, 0)
                let whole = FaultWriter.framesPerRequest
                let place = "round \(number) (\(victim)), \(writer.host), frames from \(request.first)"
                #expect(found.right == found.rows, "\(place): \(found.rows - found.right) frames are not what was sent")
                if request.isAcknowledged {
                    #expect(
                        found.rows == whole, "\(place): acknowledged, and \(found.rows) of \(whole) frames are there")
                } else {
                    #expect(
                        found.rows == whole || found.rows == 0, "\(place): \(found.rows) of \(whole) frames are there")
                    if found.rows == whole { tally.storedAnyway += 1 }
                }
                if request.lost > 0 { tally.lost += 1 }
            }
        }
        tally.sealed = try await connection.execute(
            "SELECT count(*) AS n FROM plumbline.partitions WHERE state = 'sealed'"
        ).only().int("n")
        await connection.close()
        await pool.close()
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

    /// What came late for a span waits beside its blocks.
    private static func waitUntilSealed(_ postgres: FaultPostgres) async throws {
        let connection: PostgresConnection = try await postgres.connect()
        _ = try await answered("every span is sealed", within: .seconds(600)) { () async throws -> Bool? in
            let row: SQLRow = try await connection.execute(
                """
                SELECT count(*) FILTER (WHERE state IN ('closed', 'building')) AS under_way,
                    count(DISTINCT from_time) - count(*) FILTER (WHERE state = 'sealed') AS missing
                FROM plumbline.partitions WHERE dataset = 'metrics'
                """
            ).only()
            return try row.int("under_way") == 0 && row.int("missing") == 0 ? true : nil
        }
        await connection.close()
    }

    private static func isSealing(_ connection: PostgresConnection) async throws -> Bool {
        try await connection.execute(
            "SELECT EXISTS (SELECT FROM plumbline.partitions WHERE state IN ('closed', 'building')) AS found"
        ).only().bool("found")
    }

    private static func seconds(_ duration: Duration) -> Double {
        Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18
    }
}
