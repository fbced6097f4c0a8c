import Database
import Declarations
import StoreService

/// The notifiers that run, and the one that delivered last in the form that it had then.
struct NotifierBook: Sendable {
    /// Nil until a configuration was loaded: before, no notifier can be taken for deleted.
    let notifiers: @Sendable () async -> [String: NotifierSpec]?
    /// The normal form of a notifier that runs; nil for another.
    let form: @Sendable (_ name: String) async -> JSONValue?
    let decode: @Sendable (_ form: JSONValue) -> NotifierSpec?
    let lastDelivery: @Sendable () async throws -> Outbox.LastDelivery?

    /// Where a notice about the reconciler goes besides `receivers`: to the notifier that delivered last, as it was then,
    /// unless it is one of them and still the same. A commit can break every notifier; this one is known to work.
    func lastThatDelivered(besides receivers: [String]) async throws -> [String: JSONValue] {
        guard let last = try await lastDelivery(), decode(last.form) != nil else { return [:] }
        if receivers.contains(last.notifier), await form(last.notifier) == last.form { return [:] }
        return ["\(last.notifier) (as it last delivered)": last.form]
    }
}

extension NotifierBook {
    init(_ parts: ServerParts) {
        let (live, decoder, outbox) = (parts.live, parts.decoder, parts.outbox)
        self.init(
            notifiers: parts.notifiers,
            form: { name in await live.running?.resources[ResourceKey(.notifier, name)]?.resource.spec },
            decode: { form in
                guard case .success(let decoded) = decoder.resource(kind: .notifier, name: "last", spec: form),
                    case .notifier(let spec) = decoded.spec
                else { return nil }
                return spec
            },
            lastDelivery: { try await outbox.lastDelivery() })
    }
}
