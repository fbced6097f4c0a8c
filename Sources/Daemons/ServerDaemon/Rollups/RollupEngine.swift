import Database
import Logging
import PromQL
import Runtime
import ServiceLifecycle
import Telemetry

/// Makes rollups: of each hour once it is over, and of hours that were written to later anew. One server at a time.
struct RollupEngine: Service {
    static let task = "rollups"

    let store: RollupStore
    let leaders: LeaderStore
    let holder: String
    let clock: any Clock<Duration>
    let now: WallClock
    let metrics: MetricsRegistry
    let logger: Logger
    var interval: Duration = .seconds(5)
    private let settling = SettlingMarks()

    init(
        store: RollupStore, leaders: LeaderStore, holder: String, clock: any Clock<Duration>, now: @escaping WallClock,
        metrics: MetricsRegistry, logger: Logger
    ) {
        self.store = store
        self.leaders = leaders
        self.holder = holder
        self.clock = clock
        self.now = now
        self.metrics = metrics
        self.logger = logger
    }

    /// Marked hours of one round; the rest waits for the next.
    private static let mostMarks = 2000

    func run() async throws {
        let last: Leadership? = await cancelWhenGracefulShutdown {
            var leadership: Leadership?
            var fence: ClosingFence?
            await periodically(every: interval, clock: clock) {
                do { leadership = try await round(&fence) } catch is LeadershipLost { leadership = nil } catch {
                    failed(error)
                }
            }
            return leadership
        }
        if let last { try? await leaders.resign(last) }
    }

    /// Does what is due, where this server leads; gives the leadership under which it did.
    func round(_ fence: inout ClosingFence?) async throws -> Leadership? {
        guard let leadership = try await lead() else { return nil }
        var state: RollupStore.State = try await store.state(now: now())
        let judgement = ClosingFence.judge(state, now: now(), fence: fence)
        fence = judgement.fence
        if let edge = judgement.closable {
            while state.closed < edge, !Task.isCancelled {
                try await close(state.closed)
                state.closed = state.closed + .hours(1)
            }
        }
        metrics.gauge("plumb_rollup_lag_seconds", "Age of the newest hour that has rollups, from its end.")
            .set((now() - state.closed).seconds)
        try await remake(before: state.closed)
        return leadership
    }

    private func lead() async throws -> Leadership? {
        try await leaders.lead(Self.task, holder: holder, for: .seconds(60))
    }

    private func renewed() async throws -> Leadership {
        guard let leadership = try await lead() else { throw LeadershipLost(task: Self.task) }
        return leadership
    }

    private func close(_ hour: Timestamp) async throws {
        var samples = 0
        for sources in try await store.groupsOfSources() {
            samples += try await store.make(sources, hour: hour, under: try await renewed())
        }
        try await store.advance(to: hour + .hours(1), under: try await renewed())
        count(samples)
        logger.debug("hour closed", metadata: ["rollup.hour": "\(hour)", "rollup.samples": "\(samples)"])
    }

    /// Makes marked hours anew, once nothing is written to them any more.
    private func remake(before edge: Timestamp) async throws {
        let marks: [RollupStore.Mark] = try await store.marks(before: edge, atMost: Self.mostMarks)
        metrics.gauge("plumb_rollup_marked_hours", "Hours of sources that wait for new rollups, at most 2000 counted.")
            .set(Double(marks.count))
        let due: [RollupStore.Mark] = settling.due(marks)
        guard !due.isEmpty else { return }
        let groups: [[Int]] = try await store.groupsOfSources()
        for (hour, marked) in Dictionary(grouping: due, by: \.hour).sorted(by: { $0.key > $1.key }) {
            let sources: Set<Int> = Set(marked.map(\.source))
            for group in groups where !Task.isCancelled {
                let own: [Int] = group.filter { sources.contains($0) }
                guard !own.isEmpty else { continue }
                count(try await store.make(own, hour: hour, under: try await renewed()))
            }
        }
    }

    private func count(_ samples: Int) {
        metrics.counter("plumb_rollup_samples_total", "Samples that rollups were made of, each time anew.")
            .increment(by: Double(samples))
    }

    private func failed(_ error: any Error) {
        metrics.counter("plumb_rollup_errors_total", "Rounds of making rollups that ended with an error.").increment()
        logger.warning("rollups were not made", metadata: ["error": "\(error)"])
    }
}
