import Alerting
import Database
import Declarations
import Logging
import Runtime
import ServiceLifecycle
import Telemetry

/// Carries notifications from the outbox to their receivers, with retries, until they are delivered or given up.
///
/// Any number of servers may run it: an item is claimed for longer than an attempt can take.
struct NotificationService: Service {
    let outbox: Outbox
    let sender: WebhookSender
    let notifiers: @Sendable () async -> [String: NotifierSpec]
    let secrets: Secrets
    let clock: any Clock<Duration>
    let logger: Logger
    var tick: Duration = .milliseconds(250)

    private static let claimedFor = PromDuration.seconds(60)
    /// With the backoff below, 20 attempts reach over about two hours.
    private static let mostAttempts = 20
    private static let backoff = Backoff(initial: .seconds(1), cap: .seconds(600))

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await periodically(every: tick, clock: clock) { await round() }
        }
    }

    private func round() async {
        do {
            await deliver(try await outbox.claim(limit: 32, for: Self.claimedFor))
        } catch { logger.warning("outbox cannot be read", metadata: ["error": "\(error)"]) }
    }

    /// Side by side, so that a receiver that hangs holds up nobody else.
    private func deliver(_ items: [Outbox.Item]) async {
        let notifiers: [String: NotifierSpec] = await notifiers()
        await withTaskGroup(of: Void.self) { group in
            for item in items {
                group.addTask { await deliver(item, to: notifiers[item.notifier]) }
            }
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
