import Synchronization
import Telemetry

/// Requests that wait for a transaction, and the writers that take them: group commit.
///
/// A request that comes while nothing is written is written at once, unless there were many lately: then it waits a few
/// milliseconds for as many as usual. What comes while something is written shares the next transaction, so that the more
/// requests there are, the less each of them costs. A second writer starts when enough waits, or when something has
/// waited too long: one that hangs on a lock holds up what it took, and nothing else.
final class CommitQueue: Sendable {
    private let writer: FrameWriter
    private let state = Mutex(CommitQueueState<Waiter>())

    /// How long a request waits for company, or for the transaction before it, until another writer starts.
    private static let patience: Duration = .milliseconds(10)

    struct Waiter: Sendable {
        var request: CommitRequest
        var answer: CheckedContinuation<Result<IngestCounts, DatabaseError>, Never>
    }

    init(_ writer: FrameWriter) { self.writer = writer }

    var waiting: (requests: Int, values: Int) { state.withLock { ($0.waiting.count, $0.values) } }

    /// Returns after the commit. What is asked for is stored as a whole or not at all.
    func store(_ request: CommitRequest) async throws(DatabaseError) -> IngestCounts {
        let outcome: Result<IngestCounts, DatabaseError> = await withCheckedContinuation { answer in
            let waiter = Waiter(request: request, answer: answer)
            switch state.withLock({ $0.enqueue(waiter, values: request.values) }) {
            case .start: start()
            case .startLater: startLater()
            case .wait: break
            case .full: answer.resume(returning: .failure(Self.full))
            }
        }
        return try outcome.get()
    }

    private static let full = DatabaseError(
        .busy, "frames wait faster than they can be stored", operation: "store frames")

    private func start() { Task { await run() } }

    private func startLater() {
        Task {
            while true {
                try? await Task.sleep(for: Self.patience)
                switch state.withLock({ $0.patienceEnded() }) {
                case .start: return await run()
                case .startLater: continue
                case .wait, .full: return
                }
            }
        }
    }

    private func run() async {
        var next: [Waiter]? = state.withLock { $0.take() }
        while let waiters = next {
            let outcomes: [Result<IngestCounts, DatabaseError>] = await writer.write(waiters.map(\.request))
            for (waiter, outcome) in zip(waiters, outcomes) { waiter.answer.resume(returning: outcome) }
            next = state.withLock { $0.takeMore() }
        }
    }
}

/// What the queue decides: a value, so that it can be tested without a clock.
struct CommitQueueState<Waiter> {
    /// Transactions at one time.
    static var mostWriters: Int { 3 }
    /// Values that are worth a second transaction beside the one under way: 1 MB of rows.
    static var enoughValues: Int { 100_000 }
    /// The most of one transaction, which holds its locks and its memory.
    static var mostValuesTogether: Int { 1_000_000 }
    static var mostRequestsTogether: Int { 500 }
    /// More than these, 128 MB, wait nowhere: who sends is told to come again.
    static var mostValuesWaiting: Int { 16_000_000 }

    private(set) var waiting: [(waiter: Waiter, values: Int)] = []
    private(set) var values = 0
    private(set) var writers = 0
    /// How many requests a transaction waits for: as many as shared one lately.
    private(set) var expected = 1
    /// Transactions in a row that were as full as expected.
    private var streak = 0
    /// Transactions so far.
    private var taken = 0
    /// What `taken` was when the clock was set that gives what waits a writer; nil where no clock runs.
    private var timed: Int?

    /// After so many as full as expected twice as many are waited for: if there are not, one transaction in so many was
    /// too late by the queue's patience.
    static var trial: Int { 32 }

    enum Decision: Hashable { case start, startLater, wait, full }

    mutating func enqueue(_ waiter: Waiter, values count: Int) -> Decision {
        // One that is larger than the bound by itself is taken when nothing else waits.
        guard values == 0 || values + count <= Self.mostValuesWaiting else { return .full }
        waiting.append((waiter, count))
        values += count
        let isFree: Bool = writers == 0 && waiting.count >= expected
        if isFree || (writers < Self.mostWriters && values >= Self.enoughValues) {
            writers += 1
            return .start
        }
        guard timed == nil, writers < Self.mostWriters else { return .wait }
        timed = taken
        return .startLater
    }

    /// Whether another writer starts, because something still waits that waited when the clock was set; the clock is set
    /// again for what came later.
    mutating func patienceEnded() -> Decision {
        let since: Int? = timed
        timed = nil
        guard !waiting.isEmpty, writers < Self.mostWriters else { return .wait }
        guard since == taken else {
            timed = taken
            return .startLater
        }
        writers += 1
        return .start
    }

    /// As ``take()``, for a writer that has just written: it leaves fewer than expected to the clock, where one runs.
    mutating func takeMore() -> [Waiter]? {
        guard waiting.count < expected, values < Self.enoughValues, timed != nil else { return take() }
        writers -= 1
        return nil
    }

    /// The next transaction's requests, oldest first; nil, and a writer less, where nothing waits.
    mutating func take() -> [Waiter]? {
        guard !waiting.isEmpty else {
            writers -= 1
            return nil
        }
        var count = 0
        var together = 0
        while count < waiting.count, count < Self.mostRequestsTogether,
            count == 0 || together + waiting[count].values <= Self.mostValuesTogether
        {
            together += waiting[count].values
            count += 1
        }
        let group: [Waiter] = waiting.prefix(count).map(\.waiter)
        waiting.removeFirst(count)
        values -= together
        taken += 1
        learn(from: count)
        return group
    }

    /// After some transactions that were as full as expected more are expected; one that is not says how many there are.
    private mutating func learn(from count: Int) {
        guard count >= expected else {
            (expected, streak) = (count, 0)
            return
        }
        streak += 1
        if streak >= Self.trial { (expected, streak) = (min(2 * expected, Self.mostRequestsTogether), 0) }
    }
}
