import Declarations
import Delivery
import HostSystem
import Logging
import NIOHTTP1
import Runtime
import Telemetry

/// Brings what is queued to the server, one request at a time: what is fresh first, then the backlog at a bounded rate.
/// A frame leaves the queue when the server has acknowledged it, never before.
struct Shipper: Sendable {
    let client: ServerClient
    let queue: ShipmentQueue
    let host: String
    let clocks: AgentClocks
    let metrics: AgentMetrics
    let clockWatch: ClockWatch
    let keeper: ConfigKeeper
    let requestTimeout: Duration
    /// Points of the backlog that may be sent in a second.
    let backlogRate: Int
    let logger: Logger
    let form = ShipmentForm()

    private static let backoff = Backoff(initial: .milliseconds(500), cap: .seconds(30))
    /// The longest that a server's Retry-After is honoured, so that one wrong header is no outage of a day.
    private static let longestRetryAfter = Duration.seconds(300)
    /// Refusals in a row before each further one costs a wait. To find one point among 20,000 takes 15; a server that
    /// refuses more than that is broken, and must not eat the queue.
    private static let freeRefusals = 16
    /// Frames as differences, then as a whole with their lists of series, then in JSON.
    private static let mostForms = 3
    /// How often the queue is looked at where nothing arrives.
    private static let longestWait = Duration.seconds(30)

    /// Ships until cancelled.
    func run() async {
        let elapsed = clocks.clock.stopwatch()
        var failures = 0
        var refusals = 0
        var backlogDue: Duration = .zero
        while !Task.isCancelled {
            let isBacklogDue: Bool = backlogDue <= elapsed()
            guard let cargo = await queue.take(allowingBacklog: isBacklogDue) else {
                let wait: Duration = isBacklogDue ? Self.longestWait : backlogDue - elapsed()
                await queue.arrivals.wait(atMost: wait, clock: clocks.clock)
                continue
            }
            switch await ship(cargo, timeout: requestTimeout) {
            case .delivered(let receipt):
                await queue.delivered(cargo, receipt)
                metrics.sent(samples: cargo.samples, cargo.lane)
                failures = 0
                refusals = 0
                if cargo.lane == .fresh, receipt.taken > 0, let newest = cargo.frames.map(\.time).max() {
                    await keeper.acknowledged(newest: newest)
                }
                if cargo.lane == .backlog {
                    backlogDue = elapsed() + .seconds(1) * cargo.points / max(1, backlogRate)
                }
            case .refused(let isTooLarge):
                _ = await queue.refused(cargo, isTooLarge: isTooLarge)
                refusals += 1
                guard refusals > Self.freeRefusals else { continue }
                try? await clocks.clock.sleep(for: Self.backoff.delay(attempt: refusals - Self.freeRefusals))
            case .later(let retryAfter):
                await queue.returned(cargo)
                failures += 1
                metrics.retried()
                let wait: Duration = Self.backoff.delay(attempt: failures)
                try? await clocks.clock.sleep(for: max(wait, min(retryAfter ?? .zero, Self.longestRetryAfter)))
            }
        }
    }

    /// Sends what is fresh, for at most `limit`, and stops at the first failure. What remains is on disk.
    func flush(within limit: Duration) async {
        // Not the request alone: a token may have to be got for it, and the server may have it sent again.
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await flush() }
            group.addTask { try? await clocks.clock.sleep(for: limit) }
            await group.next()
            group.cancelAll()
        }
    }

    private func flush() async {
        while !Task.isCancelled, let cargo = await queue.take(allowingBacklog: false) {
            switch await ship(cargo, timeout: requestTimeout) {
            case .delivered(let receipt): await queue.delivered(cargo, receipt)
            case .refused(let isTooLarge): _ = await queue.refused(cargo, isTooLarge: isTooLarge)
            case .later: return await queue.returned(cargo)
            }
        }
    }

    private enum Outcome {
        case delivered(DeliveryQueue.Receipt)
        case later(Duration?)
        case refused(isTooLarge: Bool)
    }

    private func ship(_ cargo: DeliveryQueue.Cargo, timeout: Duration) async -> Outcome {
        let batches: [FrameBatch] = CollectedFrame.batches(cargo.frames, host: host)
        do throws(ServerError) {
            // Again where the server does not know a frame, a list of series or the form; it is told then.
            for _ in 0..<Self.mostForms {
                let letter: ShipmentForm.Letter = form.letter(host: host, batches: batches)
                let sentAt: Timestamp = clocks.now()
                let elapsed = clocks.clock.stopwatch()
                let answer: ServerAnswer = try await client.send(
                    ServerRequest(
                        .POST, "/api/v1/metrics", headers: letter.headers, body: letter.body, timeout: timeout))
                metrics.answered(answer.status)
                metrics.sent(bytes: letter.body.count, cargo.lane)
                let account = IngestAccount(answer)
                let reply: ShipmentForm.Reply = form.answered(
                    letter, status: answer.status, unknown: account.unknown)
                if reply == .again, !account.saysThatEverythingWasRejected { continue }
                return outcome(answer, account, of: cargo, sentAt: sentAt, roundTrip: elapsed())
            }
            failed("the server understands neither form of metrics")
            return .later(nil)
        } catch {
            form.lost()
            if !Task.isCancelled { failed(error.description) }
            return .later(nil)
        }
    }

    private func outcome(
        _ answer: ServerAnswer, _ account: IngestAccount, of cargo: DeliveryQueue.Cargo, sentAt: Timestamp,
        roundTrip: Duration
    ) -> Outcome {
        switch ShipmentVerdict(status: answer.status, retryAfter: answer.retryAfter) {
        case .delivered:
            measureClock(account, sentAt, roundTrip)
            return .delivered(received(account, of: cargo))
        // Every sample was looked at and refused, each with its reason: smaller requests would say the same.
        case .refused where account.saysThatEverythingWasRejected:
            measureClock(account, sentAt, roundTrip)
            return .delivered(received(account, of: cargo))
        case .refused:
            failed("status \(answer.status): \(answer.reason)")
            return .refused(isTooLarge: answer.status == 413)
        case .later(let retryAfter):
            failed("status \(answer.status): \(answer.reason)")
            return .later(retryAfter)
        }
    }

    private func received(_ account: IngestAccount, of cargo: DeliveryQueue.Cargo) -> DeliveryQueue.Receipt {
        let taken: Int = min(account.taken ?? cargo.samples, cargo.samples)
        let rejected: Int = cargo.samples - taken
        if rejected > 0 {
            logger.warning(
                "the server rejected samples",
                metadata: .of([.count: rejected, .reason: account.reason ?? "no reason given"]))
        }
        return DeliveryQueue.Receipt(taken: taken, replaced: account.replaced)
    }

    private func failed(_ reason: String) {
        metrics.failed(at: clocks.now())
        logger.warning("metrics were not taken", metadata: .of([.reason: reason]))
    }

    private func measureClock(_ account: IngestAccount, _ sentAt: Timestamp, _ roundTrip: Duration) {
        guard let serverTime = account.serverTime else { return }
        clockWatch.measured(sentAt: sentAt, roundTrip: roundTrip, serverTime: serverTime)
    }
}

/// What the body of an answer to a shipment says about its samples.
struct IngestAccount: Sendable {
    /// Samples that the server has now; nil where the answer does not say.
    var taken: Int?
    var replaced = 0
    var rejected = 0
    /// Why the first was rejected.
    var reason: String?
    var serverTime: Timestamp?
    var unknown = Unknown()

    /// What the server was not told of, or has forgotten.
    struct Unknown: Hashable, Sendable {
        /// Hashes of lists of series.
        var layouts: [String] = []
        /// Names of frames that others are told from.
        var references: [String] = []

        var isEmpty: Bool { layouts.isEmpty && references.isEmpty }
    }

    init(_ answer: ServerAnswer) {
        guard let json = try? JSONValue(parsing: answer.body) else { return }
        if let stored = json["stored"]?.integer {
            replaced = json["replaced"]?.integer ?? 0
            taken = stored + (json["duplicates"]?.integer ?? 0) + replaced
        }
        rejected = json["rejected"]?.integer ?? 0
        reason = json["errors"]?.array?.first?["reason"]?.string
        unknown.layouts = json["unknownLayouts"]?.array?.compactMap(\.string) ?? []
        unknown.references = json["unknownReferences"]?.array?.compactMap(\.string) ?? []
        serverTime = json["serverTime"]?.string.flatMap { Timestamp(rfc3339: $0) }
    }

    var saysThatEverythingWasRejected: Bool { taken == 0 && rejected > 0 }
}
