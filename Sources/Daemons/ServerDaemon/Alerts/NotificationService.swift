import Alerting
import Database
import Declarations
import Logging
import Runtime
import ServiceLifecycle
import Synchronization
import Telemetry

/// Carries notifications from the outbox to their receivers, with retries, until they are delivered or given up.
///
/// Any number of servers may run it: an item is claimed for longer than an attempt can take.
struct NotificationService: Service {
    let outbox: Outbox
    let sender: WebhookSender
    let book: NotifierBook
    let secrets: Secrets
    let clock: any Clock<Duration>
    let logger: Logger
    var tick: Duration = .milliseconds(250)

    private static let claimedFor = PromDuration.seconds(60)
    /// With the backoff below, 20 attempts reach over about two hours.
    private static let mostAttempts = 20
    private static let backoff = Backoff(initial: .seconds(1), cap: .seconds(600))

    /// Deliveries run side by side and apart from the claiming, so that a receiver that hangs holds up nobody else.
    /// When the server stops, nothing more is claimed and what is on its way is finished: an attempt has its timeout.
    func run() async throws {
        let (claims, continuation) = AsyncStream<Claim>.makeStream()
        let inFlight = InFlight()
        await withDiscardingTaskGroup { group in
            group.addTask {
                await cancelWhenGracefulShutdown {
                    await periodically(every: tick, clock: clock) {
                        for claim in await claim(inFlight) { continuation.yield(claim) }
                    }
                }
                continuation.finish()
            }
            for await claim in claims {
                group.addTask {
                    await deliver(claim.item, to: claim.notifier)
                    inFlight.remove(claim.item.notifier)
                }
            }
        }
    }

    private struct Claim: Sendable {
        var item: Outbox.Item
        /// Nil where it is not declared any more.
        var notifier: NotifierSpec?
    }

    /// Takes what is due of notifiers to which nothing is on its way.
    private func claim(_ inFlight: InFlight) async -> [Claim] {
        guard let notifiers = await book.notifiers() else { return [] }
        let items: [Outbox.Item]
        do { items = try await outbox.claim(limit: 32, for: Self.claimedFor, except: inFlight.notifiers) } catch {
            logger.warning("outbox cannot be read", metadata: ["error": "\(error)"])
            return []
        }
        for item in items { inFlight.add(item.notifier) }
        return items.map { item in
            Claim(item: item, notifier: item.via.map { book.decode($0) } ?? notifiers[item.notifier])
        }
    }

    private func deliver(_ item: Outbox.Item, to notifier: NotifierSpec?) async {
        do {
            guard let notifier else {
                try await outbox.abandoned(item.id, error: "the notifier is not declared any more")
                return
            }
            do {
                let (url, key) = try address(of: notifier)
                try await sender.send(item.body.canonical, dedupeKey: item.dedupeKey, to: url, signingKey: key)
                try await outbox.delivered(item.id)
                if item.via == nil, let form = await book.form(item.notifier) {
                    try await outbox.remember(Outbox.LastDelivery(notifier: item.notifier, form: form))
                }
            } catch let failure as WebhookSender.Failure {
                try await record(failure, of: item)
            }
        } catch {
            // The claim runs out and the item is tried again; the receiver sees a repeat by its key.
            logger.warning("delivery not recorded", metadata: ["notifier": "\(item.notifier)", "error": "\(error)"])
        }
    }

    private func address(of notifier: NotifierSpec) throws(WebhookSender.Failure) -> (url: String, key: [UInt8]?) {
        let url: String = if let name = notifier.secretRef { try secret(name) } else { notifier.url ?? "" }
        let key: [UInt8]? = if let name = notifier.signingSecretRef { Array(try secret(name).utf8) } else { nil }
        return (url, key)
    }

    /// A missing secret may be set any moment: worth another try.
    private func secret(_ name: String) throws(WebhookSender.Failure) -> String {
        do { return try secrets.value(name) } catch { throw .temporary("\(error)", retryAfter: nil) }
    }

    private func record(_ failure: WebhookSender.Failure, of item: Outbox.Item) async throws {
        logger.warning(
            "notification not delivered",
            metadata: ["notifier": "\(item.notifier)", "attempt": "\(item.attempts + 1)", "error": "\(failure)"])
        switch failure {
        case .temporary(let message, let retryAfter) where item.attempts + 1 < Self.mostAttempts:
            let wait: Duration = Self.backoff.delay(attempt: item.attempts + 1)
            let planned = PromDuration(milliseconds: wait.inMilliseconds)
            try await outbox.failed(item.id, error: message, retryAfter: max(planned, retryAfter ?? .zero))
        case .temporary(let message, _), .permanent(let message):
            try await outbox.abandoned(item.id, error: message)
        }
    }
}

/// How many deliveries are on their way to each notifier.
private final class InFlight: Sendable {
    private let counts = Mutex<[String: Int]>([:])

    var notifiers: [String] { counts.withLock { $0.keys.sorted() } }

    func add(_ notifier: String) { counts.withLock { $0[notifier, default: 0] += 1 } }

    func remove(_ notifier: String) {
        counts.withLock { counts in
            let rest: Int = (counts[notifier] ?? 0) - 1
            counts[notifier] = rest > 0 ? rest : nil
        }
    }
}
