@testable import Database
import Telemetry
import TestSupport
import Testing

/// Group commit: what the queue decides, and what sharing a transaction must not change.
@Suite struct CommitQueueTests {
    private let time = Timestamp(milliseconds: 1_800_000_000_000)

    // MARK: Decisions

    @Test func `an idle queue writes at once, and what comes meanwhile goes together`() {
        var queue = CommitQueueState<Int>()
        #expect(queue.enqueue(1, values: 50) == .start)
        #expect(queue.take() == [1])
        #expect(queue.enqueue(2, values: 50) == .startLater)
        #expect(queue.enqueue(3, values: 50) == .wait)
        #expect(queue.take() == [2, 3])
        #expect(queue.take() == nil)
        #expect(queue.enqueue(4, values: 50) == .start)
    }

    @Test func `a second writer starts when something has waited too long, and not when nothing waits any more`() {
        var queue = CommitQueueState<Int>()
        _ = queue.enqueue(1, values: 1)
        _ = queue.take()
        #expect(queue.enqueue(2, values: 1) == .startLater)
        let second = queue.patienceEnded()
        #expect(second == .start)
        #expect(queue.writers == 2)
        #expect(queue.take() == [2])
        #expect(queue.enqueue(3, values: 1) == .startLater)
        #expect(queue.take() == [3])
        let another = queue.patienceEnded()
        #expect(another == .wait)
        #expect(queue.takeMore() == nil)
        #expect(queue.takeMore() == nil)
        #expect(queue.writers == 0)
    }

    @Test func `what came after the clock was set gets the whole patience`() {
        var queue = CommitQueueState<Int>()
        _ = queue.enqueue(1, values: 1)
        _ = queue.take()
        #expect(queue.enqueue(2, values: 1) == .startLater)
        #expect(queue.takeMore() == [2])
        #expect(queue.enqueue(3, values: 1) == .wait)
        #expect(queue.patienceEnded() == .startLater)
        #expect(queue.patienceEnded() == .start)
        #expect(queue.take() == [3])
    }

    /// Writes what waits as often as is said, with as many requests each.
    private func fill(_ queue: inout CommitQueueState<Int>, with count: Int, times: Int) {
        for _ in 0..<times {
            var isStarted = false
            for number in 0..<count where queue.enqueue(number, values: 1) == .start { isStarted = true }
            while !isStarted { isStarted = queue.patienceEnded() == .start }
            _ = queue.take()
            _ = queue.takeMore()
        }
    }

    @Test func `where many come together a transaction waits for as many as usual, for a while`() {
        var queue = CommitQueueState<Int>()
        fill(&queue, with: 4, times: 1000)
        // More are tried for now and then; as there are no more, there are four.
        #expect(queue.expected == 4 || queue.expected == 8)
        fill(&queue, with: 4, times: queue.expected == 8 ? 1 : 0)
        #expect(queue.expected == 4)
        #expect(queue.writers == 0)
        let decisions = (0..<4).map { queue.enqueue($0, values: 1) }
        // A clock may still run from before.
        #expect(decisions.last == .start && !decisions.dropLast().contains(.start))
        #expect(queue.take()?.count == 4)
        // One that comes alone is written when the clock says so, and then nobody waits for others any more.
        #expect(queue.takeMore() == nil)
        _ = queue.enqueue(9, values: 1)
        #expect(queue.writers == 0)
        if queue.patienceEnded() == .startLater { #expect(queue.patienceEnded() == .start) }
        #expect(queue.take() == [9])
        #expect(queue.takeMore() == nil)
        #expect(queue.expected == 1)
        #expect(queue.enqueue(10, values: 1) == .start)
    }

    @Test func `what waits is never left without a writer or a clock`() {
        var queue = CommitQueueState<Int>()
        var random = SystemRandomNumberGenerator()
        var (sent, written, clocks, busy) = (0, 0, 0, 0)
        for _ in 0..<20_000 {
            switch Int.random(in: 0...3, using: &random) {
            case 0, 1:
                let values = Int.random(in: 0...9) == 0 ? CommitQueueState<Int>.enoughValues : 50
                switch queue.enqueue(sent, values: values) {
                case .start: busy += 1
                case .startLater: clocks += 1
                case .wait, .full: break
                }
                sent += 1
                written += queue.writers > 0 && busy > 0 && Bool.random() ? queue.take()?.count ?? 0 : 0
                busy = queue.writers
            case 2 where busy > 0:
                written += queue.takeMore()?.count ?? 0
                busy = queue.writers
            case 3 where clocks > 0:
                switch queue.patienceEnded() {
                case .start:
                    busy += 1
                    clocks -= 1
                case .startLater: break
                case .wait, .full: clocks -= 1
                }
            default: break
            }
            #expect(queue.waiting.isEmpty || busy > 0 || clocks > 0)
        }
        #expect(written + queue.waiting.count == sent)
    }

    @Test func `much that waits starts another writer at once, up to the most, and too much is refused`() {
        var queue = CommitQueueState<Int>()
        let enough: Int = CommitQueueState<Int>.enoughValues
        _ = queue.enqueue(0, values: 1)
        _ = queue.take()
        #expect(queue.enqueue(1, values: enough) == .start)
        #expect(queue.enqueue(2, values: enough) == .start)
        #expect(queue.enqueue(3, values: enough) == .wait)
        #expect(queue.enqueue(4, values: CommitQueueState<Int>.mostValuesWaiting) == .full)
        #expect(queue.values == 3 * enough)
        #expect(queue.take() == [1, 2, 3])
    }

    @Test func `a transaction holds so many values, or one request that is larger`() {
        var queue = CommitQueueState<Int>()
        let most: Int = CommitQueueState<Int>.mostValuesTogether
        for (number, values) in [most * 2, most / 2, most / 2, 1].enumerated() {
            _ = queue.enqueue(number, values: values)
        }
        #expect(queue.take() == [0])
        #expect(queue.take() == [1, 2])
        #expect(queue.take() == [3])
        #expect(queue.values == 0)
    }

    // MARK: Groups

    private func row(_ source: Int, _ seconds: Int64, _ layout: Int, _ value: Double, order: Int = 0) -> FrameRow {
        FrameRow(source: source, time: time + .seconds(seconds), layout: layout, values: [value], order: order)
    }

    @Test func `requests that share a frame with an earlier one come after it, the others go together in one order`() {
        let requests: [CommitRequest] = [
            CommitRequest(rows: [row(2, 0, 1, 1), row(1, 0, 1, 1)]), CommitRequest(rows: [row(1, 10, 1, 2)]),
            CommitRequest(rows: [row(2, 0, 1, 9), row(3, 0, 1, 9)]),
            CommitRequest(rows: [row(1, 0, 2, 5, order: 1), row(1, 0, 3, 4)]),
        ]
        let group = CommitGroup(requests)
        #expect(group.members == [0, 1, 3])
        #expect(group.others == [2])
        #expect(group.rows.count == 5)
        #expect(zip(group.rows, group.rows.dropFirst()).allSatisfy { FrameRow.precedes($0, $1) })
        // Of two layouts at one instant the later batch counts, and the later request before all.
        let orders: [Int] = group.rows.filter { $0.source == 1 && $0.time == time }.map(\.order)
        #expect(orders == [0, 4, 3])
    }

    @Test func `within a request 0 and -0, and any two NaNs, are the same sample`() {
        let request = CommitRequest(rows: [
            row(1, 0, 1, 0), row(1, 0, 1, -0.0), row(2, 0, 1, .nan), row(2, 0, 1, .nan), row(3, 0, 1, .staleMarker),
            row(3, 0, 1, .nan), row(4, 0, 1, 1), row(4, 0, 1, .absent),
        ])
        #expect(request.rows.count == 4)
        #expect(request.inRequest.duplicates == 2)
        #expect(request.inRequest.replaced == 1)
        #expect(request.rows.last?.values.first == 1)
    }

    // MARK: On PostgreSQL

    private func batch(_ host: String, _ name: String, seconds: Int64, _ value: Double) -> FrameBatch {
        FrameBatch(
            source: Source(host: host, producer: "p"), series: [Series(name)],
            frames: [Frame(time: time + .seconds(seconds), values: [value])])
    }

    /// While a lock holds up the first transactions, requests pile up; then they are let go together.
    private func piledUp(
        _ database: TestDatabase, _ store: FrameStore, _ batches: [[FrameBatch]]
    ) async throws -> [Result<IngestCounts, DatabaseError>] {
        _ = try await store.store(
            batches.joined().map { batch in
                var first: FrameBatch = batch
                first.frames = [Frame(time: time - .seconds(1), values: first.series.map { _ in 0 })]
                return first
            })
        let partition: String = try #require(try await store.partitioning.all().last?.name)
        let blocker = try await database.connect(as: database.superuserAddress)
        try await blocker.script("BEGIN; LOCK TABLE plumbline.\(partition) IN ACCESS EXCLUSIVE MODE")
        return try await withThrowingTaskGroup(of: (Int, Result<IngestCounts, DatabaseError>).self) { group in
            for (index, request) in batches.enumerated() {
                group.addTask {
                    do throws(DatabaseError) { return (index, .success(try await store.store(request))) } catch {
                        return (index, .failure(error))
                    }
                }
            }
            // The writers hang; everything else waits for them.
            for _ in 0..<1000 where store.waiting.requests + CommitQueueState<Int>.mostWriters < batches.count {
                try await Task.sleep(for: .milliseconds(5))
            }
            try await blocker.script("ROLLBACK")
            var outcomes: [Int: Result<IngestCounts, DatabaseError>] = [:]
            for try await (index, outcome) in group { outcomes[index] = outcome }
            return batches.indices.compactMap { outcomes[$0] }
        }
    }

    @Test func `requests that wait share transactions, and each is told what became of its own`() async throws {
        let database = try await TestPostgres.database()
        let store = FrameStore(pool: database.pool)
        let requests: [[FrameBatch]] = (0..<60).map { [batch("host-\($0)", "a", seconds: 0, Double($0))] }
        let outcomes = try await piledUp(database, store, requests)
        #expect(outcomes.count == 60)
        for outcome in outcomes { #expect(try outcome.get().stored == 1) }
        let rows = try await database.superuser(
            """
            SELECT count(*) AS n, count(DISTINCT xmin::text) AS transactions FROM plumbline.frames
            WHERE time = $1::timestamptz
            """, [.time(time)]
        ).only()
        #expect(try rows.int("n") == 60)
        #expect(try rows.int("transactions") <= 10)
    }

    @Test func `one that repeats what is stored counts duplicates, and the others of its transaction are stored`()
        async throws
    {
        let database = try await TestPostgres.database()
        let store = FrameStore(pool: database.pool)
        let requests: [[FrameBatch]] = (0..<40).map { number in
            // Every fourth sends a frame that host-0 has; of those the first stores it.
            [batch("host-\(number % 4 == 0 ? 0 : number)", "a", seconds: 0, 7)]
        }
        let outcomes = try await piledUp(database, store, requests)
        var counts = IngestCounts()
        for outcome in outcomes { counts = counts + (try outcome.get()) }
        #expect(counts.stored == 31)
        #expect(counts.duplicates == 9)
    }

    @Test func `one that PostgreSQL cannot take fails alone`() async throws {
        let database = try await TestPostgres.database()
        let store = FrameStore(pool: database.pool)
        let requests: [[FrameBatch]] = (0..<30).map { [batch("host-\($0)", "a", seconds: $0 == 7 ? 20 : 0, 1)] }
        // A rule that only the seventh breaks.
        _ = try await store.store([batch("host-x", "a", seconds: -1, 1)])
        let partition: String = try #require(try await store.partitioning.all().last?.name)
        try await database.superuser(
            "ALTER TABLE plumbline.\(partition) ADD CHECK (time <> '\((time + .seconds(20)).rfc3339)')")
        let outcomes = try await piledUp(database, store, requests)
        for (index, outcome) in outcomes.enumerated() {
            if index == 7 {
                #expect(throws: DatabaseError.self) { try outcome.get() }
            } else {
                #expect(try outcome.get().stored == 1)
            }
        }
    }
}
