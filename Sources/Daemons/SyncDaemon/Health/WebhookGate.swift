import NIOHTTP1
import Reconciliation
package import Runtime
import Telemetry

/// Decides whether a webhook is believed, and asks for a run. A hook says that git may have moved and nothing more, so a
/// replayed one costs a fetch, and many at once are one.
package struct WebhookGate: Sendable {
    private let queue: RunQueue
    private let secretFile: String?
    private let health: SyncHealth
    private let now: WallClock

    /// - Parameter secretFile: read anew for each hook, so that a changed secret needs no restart. Without it every hook is
    ///   believed: whoever listens to this has to be on this machine.
    package init(
        queue: RunQueue, secretFile: String?, health: SyncHealth, now: @escaping WallClock = Timestamp.now
    ) {
        self.queue = queue
        self.secretFile = secretFile
        self.health = health
        self.now = now
    }

    /// Nil where a run was asked for; else the answer to whoever sent it.
    func take(header: (String) -> String?, body: [UInt8]) -> (HTTPResponseStatus, String)? {
        let refusal: (HTTPResponseStatus, String)? = refusal(header: header, body: body)
        health.noteWebhook(isTaken: refusal == nil)
        if refusal == nil { queue.trigger(.webhook) }
        return refusal
    }

    private func refusal(header: (String) -> String?, body: [UInt8]) -> (HTTPResponseStatus, String)? {
        guard body.count <= WebhookSecret.bodyLimit else {
            return (.payloadTooLarge, "the body is larger than \(WebhookSecret.bodyLimit) bytes")
        }
        guard let secretFile else { return nil }
        let secret: WebhookSecret
        do { secret = WebhookSecret(try Secrets.value(ofFile: secretFile)) } catch {
            return (.serviceUnavailable, "webhook.secretFile: \(error)")
        }
        return secret.objection(header: header, body: body, now: now()).map { (.unauthorized, $0) }
    }
}
