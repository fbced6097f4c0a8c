/// Where notifications go.
package struct NotifierSpec: Hashable, Sendable {
    package var type: Kind
    /// The receiver's address; sensitive. Exclusive with `secretRef`.
    package var url: String?
    /// The name of a secret that holds the address.
    package var secretRef: String?
    /// The name of a secret with which each body is signed (HMAC-SHA256, header `Plumb-Signature: sha256=…`).
    package var signingSecretRef: String?
    /// Gets what has no named notifier: host down, a stalled reconciler, refusals.
    package var isDefault: Bool
    package var sendResolved: Bool

    package enum Kind: String, CaseIterable, Hashable, Sendable { case webhook }

    package init(
        type: Kind, url: String? = nil, secretRef: String? = nil, signingSecretRef: String? = nil,
        isDefault: Bool = false,
        sendResolved: Bool = true
    ) {
        self.type = type
        self.url = url
        self.secretRef = secretRef
        self.signingSecretRef = signingSecretRef
        self.isDefault = isDefault
        self.sendResolved = sendResolved
    }
}
