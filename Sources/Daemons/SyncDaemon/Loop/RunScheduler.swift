package import Reconciliation
package import Telemetry

/// Decides when to run and why, so that triggers that overlap become one run. A plain value: time and randomness are
/// given.
///
/// Waiting → (a trigger or a due time) → running → (finished) → waiting. A trigger that comes while a run goes on asks
/// for another run after it: what it told of may have happened behind that run's back.
package struct RunScheduler: Hashable, Sendable {
    package struct Intervals: Hashable, Sendable {
        package var git: PromDuration
        package var drift: PromDuration

        package init(git: PromDuration, drift: PromDuration) {
            self.git = git
            self.drift = drift
        }
    }

    package enum Action: Hashable, Sendable {
        case run(RunTrigger, fetches: Bool)
        case wait(until: Timestamp)
        /// A run is going on.
        case none
    }

    private let intervals: Intervals
    private var isRunning = false
    private var pending: [RunTrigger] = [.startup]
    private var nextFetch: Timestamp
    private var nextLook: Timestamp
    private var failuresInARow = 0
    /// When the last run began that a component's event, or a webhook, asked for.
    private var lastRuns: [RunTrigger: Timestamp] = [:]
    private var fetchesInRun = false

    /// Events come one for each generation; somebody who writes in a loop must not make us read in one. And whoever sends
    /// webhooks in a loop must not make us fetch in one.
    private static let spacings: [RunTrigger: PromDuration] = [.event: .milliseconds(200), .webhook: .seconds(1)]
    /// After a fetch that failed the next comes after this, then twice, four times … at most five intervals later.
    private static let firstFetchRetry = PromDuration.seconds(5)
    private var fetchFailures = 0

    package init(intervals: Intervals, now: Timestamp) {
        self.intervals = intervals
        nextFetch = now
        nextLook = now
    }

    /// Something asks for a run.
    package mutating func trigger(_ trigger: RunTrigger) {
        if !pending.contains(trigger) { pending.append(trigger) }
    }

    /// What is to be done now. After `.run` the run counts as going on until ``finished(_:fetchFailed:at:random:)``.
    package mutating func next(at now: Timestamp) -> Action {
        guard !isRunning else { return .none }
        if let trigger = urgent(at: now) { return start(trigger, at: now) }
        if now >= nextFetch || now >= nextLook { return start(.timer, at: now) }
        var wake: Timestamp = min(nextFetch, nextLook)
        for trigger in pending { wake = min(wake, due(trigger, at: now)) }
        return .wait(until: wake)
    }

    /// A person's wish comes first; webhooks and events may have to wait a moment.
    private func urgent(at now: Timestamp) -> RunTrigger? {
        let due: [RunTrigger] = pending.filter { self.due($0, at: now) <= now }
        return due.first { Self.spacings[$0] == nil } ?? due.first { $0 == .webhook } ?? due.first
    }

    private func due(_ trigger: RunTrigger, at now: Timestamp) -> Timestamp {
        guard let spacing = Self.spacings[trigger], let last = lastRuns[trigger] else { return now }
        return max(now, last + spacing)
    }

    private mutating func start(_ trigger: RunTrigger, at now: Timestamp) -> Action {
        isRunning = true
        // Whoever asked for git, one look at it answers all; a webhook that has to wait still does.
        fetchesInRun = now >= nextFetch || pending.contains { $0 != .event && due($0, at: now) <= now }
        let answered: [RunTrigger] = pending.filter { fetchesInRun || $0 == .event }
        for trigger in answered where Self.spacings[trigger] != nil { lastRuns[trigger] = now }
        pending.removeAll { answered.contains($0) }
        return .run(trigger, fetches: fetchesInRun)
    }

    /// The run has ended.
    package mutating func finished(_ outcome: RunOutcome, fetchFailed: Bool, at now: Timestamp, random: Double) {
        isRunning = false
        if fetchesInRun {
            fetchFailures = fetchFailed ? fetchFailures + 1 : 0
            nextFetch = now + fetchWait(random: random)
        }
        let isTrouble: Bool = outcome == .failed || (outcome == .incomplete && !fetchFailed)
        failuresInARow = isTrouble ? failuresInARow + 1 : 0
        nextLook =
            now
            + Reconciliation.nextLook(
                after: isTrouble ? .failed : .inSync, failuresInARow: failuresInARow, driftInterval: intervals.drift,
                random: random)
    }

    private func fetchWait(random: Double) -> PromDuration {
        guard fetchFailures > 0 else { return spread(intervals.git, random: random) }
        let longest = PromDuration(milliseconds: intervals.git.milliseconds * 5)
        let policy = RetryPolicy(first: min(Self.firstFetchRetry, intervals.git), longest: longest)
        return policy.wait(attempt: fetchFailures, random: random)
    }
}
