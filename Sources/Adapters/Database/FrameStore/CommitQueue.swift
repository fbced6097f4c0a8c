import Synchronization
import Telemetry

/// Requests that wait for a transaction, and the writers that take them: group commit.
///
/// A request that comes while nothing is written is written at once. What comes meanwhile waits for the transaction that
/// is under way and shares the next one, so that the more requests there are, the less each of them costs. A second
/// writer starts when enough waits, or when something has waited too long: one that hangs on a lock holds up what it
/// took, and nothing else.
final class CommitQueue: Sendable {
    private let writer: FrameWriter
    private let state = Mutex(CommitQueueState<Waiter>())

    /// How long a request waits for the transaction before it until another writer starts.
    private static let patience: Duration = .milliseconds(5)

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
            try? await Task.sleep(for: Self.patience)
            if state.withLock({ $0.patienceEnded() }) { await run() }
        }
    }

    private func run() async {
        while let waiters = state.withLock({ $0.take() }) {
            let outcomes: [Result<IngestCounts, DatabaseError>] = await writer.write(waiters.map(\.request))
            for (waiter, outcome) in zip(waiters, outcomes) { waiter.answer.resume(returning: outcome) }
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
    private var isTimed = false

    enum Decision: Hashable { case start, startLater, wait, full }

    mutating func enqueue(_ waiter: Waiter, values count: Int) -> Decision {
        // One that is larger than the bound by itself is taken when nothing else waits.
        guard values == 0 || values + count <= Self.mostValuesWaiting else { return .full }
        waiting.append((waiter, count))
        values += count
        if writers == 0 || (writers < Self.mostWriters && values >= Self.enoughValues) {
            writers += 1
            return .start
        }
        guard !isTimed, writers < Self.mostWriters else { return .wait }
        isTimed = true
        return .startLater
    }

    /// Whether another writer starts, because something still waits.
    mutating func patienceEnded() -> Bool {
        isTimed = false
        guard !waiting.isEmpty, writers < Self.mostWriters else { return false }
        writers += 1
        return true
    }

    /// The next transaction's requests, oldest first; nil, and a writer less, where nothing waits.
    mutating func take() -> [Waiter]? {
        guard !waiting.isEmpty else {
            writers -= 1
            return nil
        }
        var count = 0
        var taken = 0
        while count < waiting.count, count < Self.mostRequestsTogether,
            count == 0 || taken + waiting[count].values <= Self.mostValuesTogether
        {
            taken += waiting[count].values
            count += 1
        }
        let group: [Waiter] = waiting.prefix(count).map(\.waiter)
        waiting.removeFirst(count)
        values -= taken
        return group
    }
}
