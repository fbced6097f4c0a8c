import Glibc
import Synchronization

/// A serial executor with a thread of its own, for actors that own a C handle and make blocking calls.
///
/// The cooperative pool has as many threads as the machine has cores; a handful of blocking calls on it would stop the
/// whole program. An actor with this executor blocks only its own thread, and no two threads ever touch its handle.
///
/// ```swift
/// actor Connection {
///     private let executor = BlockingExecutor(name: "postgres")
///     nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
/// }
/// ```
///
/// The thread ends when the executor is released and its last job is done.
package final class BlockingExecutor: SerialExecutor {
    private let inbox = Inbox()

    /// Starts the thread. `name` shows in `top -H` and debuggers; the kernel keeps its first 15 bytes.
    package init(name: String) { inbox.startThread(name: name) }

    deinit { inbox.close() }

    package func enqueue(_ job: consuming ExecutorJob) {
        // The entry holds the executor until the job has run, so that an actor whose last reference goes away inside
        // its own job does not take the executor from under it.
        let job = UnownedJob(job)
        inbox.push { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }

    fileprivate func enqueue(_ job: UnownedJob, of tasks: ThreadTasks) {
        inbox.push { job.runSynchronously(on: tasks.asUnownedTaskExecutor()) }
    }

    /// The same thread for a task that is with no actor for a moment. What waits comes back there first, so a task that
    /// has this for its preference and an actor with this executor for its work never leaves the thread by waiting.
    package var tasks: any TaskExecutor { ThreadTasks(self) }

    /// Waits for `duration` on the executor's thread, which wakes by itself; throws when the task is cancelled. Without
    /// ``tasks`` for its preference the task passes through another thread on the way.
    package func sleep(for duration: Duration) async throws {
        try await wait(for: duration, again: nil)
    }

    /// Calls `body` on the executor's thread between the jobs of its actor, at once and then each time after the span that
    /// it answered; throws when the task is cancelled. The task is resumed only then: to resume one costs ten times what it
    /// costs to wake a thread.
    package func repeating(_ body: @escaping @Sendable () -> Duration) async throws {
        try await wait(for: .zero, again: body)
    }

    /// Has what repeats called at once, whatever span it answered; from any thread.
    package func hasten() { inbox.hasten() }

    private func wait(for duration: Duration, again body: (@Sendable () -> Duration)?) async throws {
        let deadline = RunningTime.now + duration
        let number: Int = inbox.newSleeper()
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                inbox.sleep(
                    Sleeper(number: number, deadline: deadline, body: body, continuation: continuation))
                // Cancelled before there was anybody to wake.
                if Task.isCancelled { inbox.cancel(number) }
            }
        } onCancel: {
            inbox.cancel(number)
        }
    }

    package func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }

    /// Lets `assumeIsolated` and `preconditionIsolated` hold on the executor's own thread.
    package func checkIsolated() { precondition(inbox.isCurrentThread, "not on the thread of this executor") }
}

private final class ThreadTasks: TaskExecutor {
    private let executor: BlockingExecutor

    init(_ executor: BlockingExecutor) { self.executor = executor }

    func enqueue(_ job: consuming ExecutorJob) { executor.enqueue(UnownedJob(job), of: self) }
}

/// A task that waits.
private struct Sleeper {
    var number: Int
    var deadline: RunningTime
    /// Called at the deadline, which it moves; nil where the task is resumed then.
    var body: (@Sendable () -> Duration)?
    /// Whether it is to be called again however long it wants to wait.
    var isHastened = false
    var continuation: CheckedContinuation<Void, any Error>
}

/// The queue between those who enqueue and the thread. It is what the thread holds on to: holding the executor would
/// keep it alive for ever.
private final class Inbox: Sendable {
    private struct State {
        var entries: [@Sendable () -> Void] = []
        var isClosed = false
        var thread: pthread_t?
        /// Few: an actor seldom has two tasks that wait.
        var sleepers: [Sleeper] = []
        var lastSleeper = 0

        var firstDeadline: RunningTime? { sleepers.lazy.map(\.deadline).min() }

        /// The sleeper that is due first; it is removed unless it sleeps again.
        mutating func takeSleeper(dueAt now: RunningTime) -> Sleeper? {
            guard let first = sleepers.indices.min(by: { sleepers[$0].deadline < sleepers[$1].deadline }),
                sleepers[first].deadline <= now
            else { return nil }
            return sleepers[first].body == nil ? sleepers.remove(at: first) : sleepers[first]
        }

        /// Who was hastened is due now.
        mutating func hasten(at now: RunningTime) {
            for place in sleepers.indices where sleepers[place].isHastened {
                sleepers[place].isHastened = false
                sleepers[place].deadline = min(sleepers[place].deadline, now)
            }
        }
    }

    private let state = Mutex(State())
    /// Rung for each entry and each sleeper, and once more for the end.
    private let doorbell = Doorbell()

    var isCurrentThread: Bool {
        let current: pthread_t = pthread_self()
        return state.withLock { $0.thread.map { pthread_equal($0, current) != 0 } ?? false }
    }

    func push(_ entry: @escaping @Sendable () -> Void) {
        state.withLock { $0.entries.append(entry) }
        doorbell.ring()
    }

    func close() {
        state.withLock { $0.isClosed = true }
        doorbell.ring()
    }

    func newSleeper() -> Int {
        state.withLock {
            $0.lastSleeper += 1
            return $0.lastSleeper
        }
    }

    func sleep(_ sleeper: Sleeper) {
        state.withLock { $0.sleepers.append(sleeper) }
        // Its own thread looks for the next deadline before it waits.
        if !isCurrentThread { doorbell.ring() }
    }

    func cancel(_ number: Int) {
        let sleeper: Sleeper? = state.withLock { state in
            state.sleepers.firstIndex { $0.number == number }.map { state.sleepers.remove(at: $0) }
        }
        sleeper?.continuation.resume(throwing: CancellationError())
    }

    func hasten() {
        state.withLock { state in
            for place in state.sleepers.indices where state.sleepers[place].body != nil {
                state.sleepers[place].isHastened = true
            }
        }
        doorbell.ring()
    }

    func startThread(name: String) {
        let start = Unmanaged.passRetained(ThreadStart(inbox: self, name: name))
        var thread = pthread_t()
        let status: Int32 = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<ThreadStart>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, start.toOpaque())
        precondition(status == 0, "cannot start a thread: \(String(cString: strerror(status)))")
        pthread_detach(thread)
    }

    func run() {
        let current: pthread_t = pthread_self()
        state.withLock { $0.thread = current }
        while let arrived = next() {
            // Each entry is let go before the next one runs: what it holds may be the last reference to its executor.
            var waiting: [@Sendable () -> Void] = arrived.reversed()
            while let entry = waiting.popLast() { entry() }
        }
    }

    /// Everything that has arrived, perhaps nothing; nil at the end.
    private func next() -> [@Sendable () -> Void]? {
        let (isIdle, deadline) = state.withLock { state in
            (state.entries.isEmpty && !state.isClosed, state.firstDeadline)
        }
        if isIdle { doorbell.wait(until: deadline) }
        if deadline != nil { wakeSleepers() }
        return state.withLock { state in
            defer { state.entries = [] }
            return state.entries.isEmpty && state.isClosed ? nil : state.entries
        }
    }

    private func wakeSleepers() {
        let now = RunningTime.now
        state.withLock { $0.hasten(at: now) }
        while let due = state.withLock({ $0.takeSleeper(dueAt: now) }) {
            guard let body = due.body else {
                // Puts its task among the entries.
                due.continuation.resume()
                continue
            }
            let deadline = RunningTime.now + body()
            // Unless it was cancelled meanwhile.
            state.withLock { state in
                if let place = state.sleepers.firstIndex(where: { $0.number == due.number }) {
                    state.sleepers[place].deadline = deadline
                }
            }
        }
    }
}

private final class ThreadStart: Sendable {
    private let inbox: Inbox
    private let name: String

    init(inbox: Inbox, name: String) {
        self.inbox = inbox
        self.name = name
    }

    /// Through the file system: `pthread_setname_np` is a GNU extension that Swift's Glibc module does not show.
    private func nameThread() {
        let descriptor: Int32 = open("/proc/thread-self/comm", O_WRONLY)
        guard descriptor >= 0 else { return }
        let bytes: [UInt8] = Array(name.utf8.prefix(15))
        _ = write(descriptor, bytes, bytes.count)
        close(descriptor)
    }

    func run() {
        nameThread()
        inbox.run()
    }
}
