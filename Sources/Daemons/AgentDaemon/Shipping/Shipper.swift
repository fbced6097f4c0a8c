import Declarations
import HostSystem
import Logging
import NIOHTTP1
import Runtime
import Telemetry
import WireFormats

/// Brings what is queued to the server, one request at a time, oldest first. A frame leaves the queue when the server
/// has acknowledged it, never before.
struct Shipper: Sendable {
    let client: ServerClient
    let queue: ShipmentQueue
    let host: String
    let clocks: AgentClocks
    let spool: Spool
    let metrics: AgentMetrics
    let clockOffset: ClockOffset
    let linger: Duration
    let requestTimeout: Duration
    let logger: Logger

    private static let backoff = Backoff(initial: .milliseconds(500), cap: .seconds(30))
    /// The longest that a server's Retry-After is honoured, so that one wrong header is no outage of a day.
    private static let longestRetryAfter = Duration.seconds(300)
    /// Points given up in a row before each further one costs a wait: a server that refuses everything is broken, and
    /// must not eat the queue.
    private static let freeDeadPoints = 5

    /// Ships until cancelled.
    func run() async {
        var failures = 0
        var deadInARow = 0
        while !Task.isCancelled {
            guard let frames = queue.withOutbox({ $0.take() }) else {
                await queue.arrivals.wait()
                try? await clocks.clock.sleep(for: linger)
                continue
            }
            switch await ship(frames, timeout: requestTimeout) {
            case .delivered:
                queue.withOutbox { $0.delivered() }
                failures = 0
                deadInARow = 0
                forgetSpoolWhenDelivered()
            case .refused:
                if queue.withOutbox({ $0.refused() }) { deadInARow += 1 }
                guard deadInARow > Self.freeDeadPoints else { continue }
                try? await clocks.clock.sleep(for: Self.backoff.delay(attempt: deadInARow - Self.freeDeadPoints))
            case .later(let retryAfter):
                queue.withOutbox { $0.returned() }
                failures += 1
                metrics.retried()
                let wait: Duration = Self.backoff.delay(attempt: failures)
                try? await clocks.clock.sleep(for: max(wait, min(retryAfter ?? .zero, Self.longestRetryAfter)))
            }
        }
        queue.withOutbox { $0.returned() }
    }

    /// Sends what is left, for at most `limit`, and stops at the first failure. What remains is for the spool.
    func flush(within limit: Duration) async {
        let elapsed = clocks.clock.stopwatch()
        while elapsed() < limit, let frames = queue.withOutbox({ $0.take() }) {
            switch await ship(frames, timeout: min(requestTimeout, limit - elapsed())) {
            case .delivered: queue.withOutbox { $0.delivered() }
            case .refused: _ = queue.withOutbox { $0.refused() }
            case .later:
                queue.withOutbox { $0.returned() }
                return
            }
        }
        queue.withOutbox { $0.returned() }
    }

    private func ship(_ frames: [CollectedFrame], timeout: Duration) async -> ShipmentVerdict {
        let body: [UInt8] = NativeEncoder.metrics(host: host, batches: Outbox.batches(frames, host: host))
        let sentAt: Timestamp = clocks.now()
        let elapsed = clocks.clock.stopwatch()
        do throws(ServerError) {
            let answer: ServerAnswer = try await client.send(
                ServerRequest(.POST, "/api/v1/metrics", body: body, timeout: timeout))
            let verdict = ShipmentVerdict(status: answer.status, retryAfter: answer.retryAfter)
            metrics.answered(answer.status)
            if verdict == .delivered {
                note(answer, points: frames.reduce(0) { $0 + $1.points }, sentAt: sentAt, roundTrip: elapsed())
            } else {
                failed("status \(answer.status): \(answer.reason)")
            }
            return verdict
        } catch {
            if !Task.isCancelled { failed(error.description) }
            return .later(nil)
        }
    }

    private func failed(_ reason: String) {
        metrics.failed(at: clocks.now())
        logger.warning("metrics were not taken", metadata: .of([.reason: reason]))
    }

    /// Takes from the answer what it says about items refused one by one, and about the server's clock.
    private func note(_ answer: ServerAnswer, points: Int, sentAt: Timestamp, roundTrip: Duration) {
        metrics.delivered(points: points)
        guard let json = try? JSONValue(parsing: answer.body) else { return }
        if let rejected = json["rejected"]?.integer, rejected > 0 {
            metrics.rejected(points: rejected)
            let reason: String = json["errors"]?.array?.first?["reason"]?.string ?? "no reason given"
            logger.warning("the server rejected samples", metadata: .of([.count: rejected, .reason: reason]))
        }
        if let text = json["serverTime"]?.string, let serverTime = Timestamp(rfc3339: text) {
            clockOffset.measured(sentAt: sentAt, roundTrip: roundTrip, serverTime: serverTime)
        }
    }

    private func forgetSpoolWhenDelivered() {
        guard spool.isPresent, !queue.withOutbox({ $0.holdsSpooled }) else { return }
        do { try spool.remove() } catch {
            logger.warning("cannot remove the spool", metadata: .of([.reason: error.description]))
        }
    }
}
