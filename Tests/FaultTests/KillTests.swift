import Database
import Glibc
import Runtime
import Telemetry
import TestSupport
import Testing

/// kill -9 of the server, of PostgreSQL and of single sessions while samples are written: what was acknowledged is stored,
/// once, with its value; of what was not, each request is stored as a whole or not at all.
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
        let server = try FaultServer(postgres.address)
        try await server.start()
        var writers: [FaultWriter] = []
        // An hour ago: one partition or two, none of them sealed while it is written.
        let base: Timestamp = .now() - .hours(1)
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
        print(
            "faults: \(tally.interrupted) of \(Self.rounds) rounds cut off a transaction that had written; \(tally.lost) requests "
                + "without an answer, \(tally.storedAnyway) of them stored; \(tally.acknowledged) samples acknowledged, "
                + "\(tally.slowest)/s to \(tally.fastest)/s while they were written")
        #expect(tally.acknowledged > 0)
        #expect(tally.interrupted * 2 >= Self.rounds, "at least half of the rounds must interrupt a commit")
        if Self.isProof { #expect(tally.slowest >= 50_000) }
        server.kill()
        try postgres.kill()
    }

    private struct Tally {
        var interrupted = 0
        var lost = 0
        var storedAnyway = 0
        var acknowledged = 0
        var slowest = Int.max
        var fastest = 0
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
        let writing: [Int32] = try await self.writing(watcher, patience: isBlind ? .zero : .seconds(5))
        switch victim {
        case .server: server.kill()
        case .postgres: try postgres.kill()
        case .session: if let one = writing.randomElement(using: &random) { _ = kill(one, SIGKILL) }
        }
        if !writing.isEmpty { tally.interrupted += 1 }
        let seconds: Double = Self.seconds(.now - start)
        let rate = Int(Double(writers.reduce(0) { $0 + $1.acknowledged } - before) / seconds)
        (tally.slowest, tally.fastest) = (min(tally.slowest, rate), max(tally.fastest, rate))
        await watcher.close()
        if victim == .postgres { try await postgres.start() }
        if victim == .server { try await server.start() }
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
        for (writer, seen) in zip(writers, known) {
            let requests: ArraySlice<FaultWriter.Request> = writer.requests.dropFirst(seen)
            guard let first = requests.first?.first, let last = requests.last?.first else { continue }
            let stored: [Int: (right: Int, rows: Int)] = try await self.stored(
                connection, writer, first..<last + FaultWriter.framesPerRequest)
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
        await connection.close()
    }

    /// Frames by the number of their request: how many there are, and how many of them have every value that was sent.
    private func stored(
        _ connection: PostgresConnection, _ writer: FaultWriter, _ frames: Range<Int>
    ) async throws -> [Int: (right: Int, rows: Int)] {
        let result: SQLResult = try await connection.execute(
            """
            WITH places AS MATERIALIZED (
                SELECT layouts.id AS layout, array_agg((series.labels ->> 's')::integer ORDER BY position) AS numbers
                FROM layouts, unnest(layouts.series) WITH ORDINALITY AS item (id, position)
                JOIN series ON series.id = item.id WHERE series.name = 'fault_value' GROUP BY layouts.id
            ), found AS (
                SELECT round(extract(epoch FROM frame.time - $2::timestamptz) * 1000)::bigint AS number, (
                    SELECT count(value) = $5 AND bool_and(value = number * 1000.0 + place)
                    FROM unnest(frame.values, places.numbers) AS pair (value, place),
                        LATERAL (SELECT round(extract(epoch FROM frame.time - $2::timestamptz) * 1000)::bigint AS number) AS n
                ) AS is_right
                FROM frames AS frame JOIN sources ON sources.id = frame.source JOIN places ON places.layout = frame.layout
                WHERE sources.host = $1 AND frame.time >= $2::timestamptz + make_interval(secs => $3::float8 / 1000)
                    AND frame.time < $2::timestamptz + make_interval(secs => $4::float8 / 1000)
            )
            SELECT number / $6::bigint AS request, count(*) FILTER (WHERE is_right) AS right_ones, count(*) AS rows
            FROM found GROUP BY 1
            """,
            [
                .text(writer.host), .time(writer.base), .integer(frames.lowerBound), .integer(frames.upperBound),
                .integer(FaultWriter.series), .integer(FaultWriter.framesPerRequest),
            ])
        var counts: [Int: (right: Int, rows: Int)] = [:]
        for row in result.rows {
            counts[try row.int("request")] = (try row.int("right_ones"), try row.int("rows"))
        }
        return counts
    }

    private static func seconds(_ duration: Duration) -> Double {
        Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18
    }
}
