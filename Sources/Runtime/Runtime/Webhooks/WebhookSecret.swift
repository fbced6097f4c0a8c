import Declarations
package import Telemetry

/// What a forge and we share, so that a webhook is known to be the forge's. A webhook only says "look now": a replayed
/// one does no harm.
package struct WebhookSecret: Sendable {
    private let text: String

    package init(_ text: String) { self.text = text }

    /// Bytes of a body. Forges send at most 25 MB and seldom more than 100 kB; a hook that is not taken is made up for by
    /// the next fetch.
    package static let bodyLimit = 4 << 20

    /// What Standard Webhooks puts before a key in base 64.
    private static let signingPrefix = "whsec_"

    /// Bytes of such a key, as Standard Webhooks has it: from 24 to 64.
    private static let shortestKey = 24

    /// How far the time of a dated signature may be from ours.
    package static let clockTolerance = PromDuration.minutes(5)

    /// Why a request is refused, in words for whoever set the webhook up; nil where it is the forge's.
    ///
    /// - Parameter header: the value of a header by its name, which forges write in any case.
    package func objection(
        header: (String) -> String?, body: [UInt8], now: Timestamp
    ) -> String? {
        guard !text.isEmpty, text != Self.signingPrefix else { return "the secret here is empty" }
        // GitHub; Gitea, Forgejo and Gogs beside their own.
        if let signature = header("X-Hub-Signature-256") {
            return objection(hex: signature, prefix: "sha256=", body, name: "X-Hub-Signature-256")
        }
        for name in ["X-Forgejo-Signature", "X-Gitea-Signature", "X-Gogs-Signature"] {
            guard let signature = header(name) else { continue }
            return objection(hex: signature, prefix: "", body, name: name)
        }
        // GitLab, where the webhook has a signing token: the form of standardwebhooks.com.
        if let signatures = header("webhook-signature") { return objection(dated: signatures, header, body, now) }
        // GitLab, where it has a secret token.
        if let token = header("X-Gitlab-Token") {
            return Digests.areEqual(Array(token.utf8), Array(text.utf8)) ? nil : "X-Gitlab-Token is another secret"
        }
        return "there is no signature: set the webhook's secret at the forge"
    }

    private func objection(hex: String, prefix: String, _ body: [UInt8], name: String) -> String? {
        let expected: String = prefix + hexadecimal(Digests.hmacSHA256(body, key: text.utf8))
        guard Digests.areEqual(Array(hex.utf8), Array(expected.utf8)) else {
            return "\(name) does not fit: another secret, or another body"
        }
        return nil
    }

    private func objection(
        dated signatures: String, _ header: (String) -> String?, _ body: [UInt8], _ now: Timestamp
    ) -> String? {
        guard let id = header("webhook-id"), let time = header("webhook-timestamp"), let seconds = Int64(time),
            seconds.magnitude < 1 << 40
        else { return "webhook-id or webhook-timestamp is missing" }
        let away: PromDuration = now - Timestamp(milliseconds: seconds * 1000)
        guard away.milliseconds.magnitude <= Self.clockTolerance.milliseconds.magnitude else {
            return "webhook-timestamp is more than \(Self.clockTolerance) away from this machine's clock"
        }
        let isEncoded: Bool = text.hasPrefix(Self.signingPrefix)
        let key: [UInt8]? = isEncoded ? Base64.decode(text.dropFirst(Self.signingPrefix.count)) : Array(text.utf8)
        guard let key else { return "the secret here begins with whsec_, and what follows is not base 64" }
        guard !isEncoded || key.count >= Self.shortestKey else {
            return "the secret here begins with whsec_, and what follows is fewer than \(Self.shortestKey) bytes"
        }
        let expected: [UInt8] = Digests.hmacSHA256(Array("\(id).\(time).".utf8) + body, key: key)
        // Several where the forge is changing its secret.
        for signature in signatures.split(separator: " ") where signature.hasPrefix("v1,") {
            guard let bytes = Base64.decode(signature.dropFirst(3)) else { continue }
            if Digests.areEqual(bytes, expected) { return nil }
        }
        return "webhook-signature does not fit: another secret, or another body"
    }
}
