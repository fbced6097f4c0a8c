import Database
import Declarations
import Logging
import Runtime
import ServiceLifecycle
import StoreService
import Telemetry

/// Seals spans of samples that have closed, folds late samples in, and drops the tables that are left. One server at a
/// time, and never at full speed: ingest comes first.
struct SealingEngine: Service {
    static let task = "sealing"

    let blocks: BlockStore
    let leaders: LeaderStore
    let holder: String
    /// Nil while nothing is known of the configuration.
    let policy: @Sendable () async -> SealPolicy?
    var clock: any Clock<Duration>
    let now: WallClock
    let metrics: MetricsRegistry
    let logger: Logger
    var interval: Duration = .seconds(30)

    /// After a piece of work it rests for this many times what the work took: an eighth of one core, which seals a million
    /// samples a second. A request that comes in between waits for a piece at most, so pieces are short.
    private static let rest = 7
    private static let piece: Duration = .milliseconds(2)
    /// Whoever stays away for longer loses the leadership, and another begins the source anew.
    private static let lease = PromDuration.minutes(5)
    var renewal: Duration = .seconds(60)

    func run() async throws {
        let last: Leadership? = await cancelWhenGracefulShutdown {
            var leadership: Leadership?
            // Whoever starts has better things to do, and what is over will still be over.
            do { try await clock.sleep(for: interval) } catch { return nil }
            await periodically(every: interval, clock: clock) {
                do { leadership = try await round() } catch { failed(error, nil) }
            }
            return leadership
        }
        if let last { try? await leaders.resign(last) }
    }

    /// Takes every step that is due, where this server leads; gives the leadership under which it did. A step that fails
    /// keeps no other from being taken, and is tried again in the next round.
    func round() async throws -> Leadership? {
        guard let policy = await policy(), try await blocks.isPossible() else { return nil }
        var leadership: Leadership?
        var given: Set<SealStep> = []
        while !Task.isCancelled {
            leadership = try await leaders.lead(Self.task, holder: holder, for: Self.lease)
            guard let leadership else { return nil }
            let tables: [CataloguedTable] = try await blocks.tables()
            let steps: [SealStep] = SealPlan.steps(tables, policy, now: now())
            guard let step = steps.first(where: { !given.contains($0) }) else { return leadership }
            do { try await take(step, leadership) } catch {
                given.insert(step)
                failed(error, step)
            }
        }
        return leadership
    }

    private func take(_ step: SealStep, _ leadership: Leadership) async throws {
        var samples = 0
        var start: ContinuousClock.Instant = .now
        var renewed: ContinuousClock.Instant = .now
        let before: Int = try await size(of: step.inputs)
        let pace: SealPace = {
            let worked: Duration = .now - start
            guard worked >= Self.piece else { return }
            try await clock.sleep(for: worked * Self.rest)
            // So that a long source is not taken away in its midst.
            if .now - renewed >= renewal {
                try await renew(leadership)
                renewed = .now
            }
            start = .now
        }
        let progress: (Int) async throws -> Void = { sealed in
            samples += sealed
            metrics.counter("plumb_sealing_samples_total", "Samples written into sealed blocks.")
                .increment(by: Double(sealed))
        }
        try await blocks.take(step, under: leadership, progress: progress, pace: pace)
        metrics.counter("plumb_sealing_steps_total", "Steps of sealing.", labels: ["step": step.name]).increment()
        guard case .fill(let table, _, _, let from, _) = step else { return }
        let after: Int = try await size(of: [table])
        metrics.counter("plumb_sealing_bytes_before_total", "Bytes on disk of the tables that were sealed.")
            .increment(by: Double(before))
        metrics.counter("plumb_sealing_bytes_after_total", "Bytes on disk of the blocks that were made of them.")
            .increment(by: Double(after))
        metrics.gauge("plumb_sealing_last_seconds", "When a span was sealed last, in seconds since 1970.")
            .set(Double(now().microseconds) / 1e6)
        logger.notice(
            "span sealed",
            metadata: [
                "span": "\(from)", "table": "\(table)", "samples": "\(samples)", "bytes.before": "\(before)",
                "bytes.after": "\(after)",
            ])
    }

    private func renew(_ leadership: Leadership) async throws {
        guard try await leaders.lead(Self.task, holder: holder, for: Self.lease)?.epoch == leadership.epoch else {
            throw LeadershipLost(task: Self.task)
        }
    }

    private func size(of tables: [String]) async throws -> Int {
        guard !tables.isEmpty else { return 0 }
        return try await blocks.bytes(of: tables)
    }

    private func failed(_ error: any Error, _ step: SealStep?) {
        // Somebody reads the table, or writes into it at this moment: usual, and tried again.
        if let error = error as? DatabaseError, error.isLockTimeout {
            return logger.debug("sealing waits", metadata: ["step": "\(step?.name ?? "")", "error": "\(error)"])
        }
        metrics.counter("plumb_sealing_errors_total", "Steps of sealing that failed.").increment()
        logger.warning("sealing failed", metadata: ["step": "\(step?.name ?? "")", "error": "\(error)"])
    }
}

extension SealStep {
    fileprivate var name: String {
        switch self {
        case .close: "close"
        case .begin: "begin"
        case .fill: "fill"
        case .abandon: "abandon"
        case .drop: "drop"
        }
    }

    /// What a step makes blocks of.
    fileprivate var inputs: [String] {
        if case .fill(_, let frames, let blocks, _, _) = self { frames + (blocks.map { [$0] } ?? []) } else { [] }
    }
}
