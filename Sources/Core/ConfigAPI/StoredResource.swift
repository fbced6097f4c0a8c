package import Declarations

/// One resource as a store holds it now. `spec` and `digest` are computed from what is stored, never copied from a
/// digest column.
///
/// A store of ten thousand is copied and compared whenever something in it moves: a copy is one reference, and what was
/// carried over from one reading to the next is equal without a look.
package struct StoredResource: Hashable, Sendable, JSONCodable {
    private final class Storage: Sendable {
        let content: Content

        init(_ content: Content) { self.content = content }
    }

    struct Content: Hashable, Sendable {
        var key: ResourceKey
        var spec: DeferredJSON
        var digest: String
        var owner: String
        var applied: Applied?
        var source: ResourceSource?
        var changedBy: ChangedBy?
        var health: Health
    }

    private var storage: Storage

    private(set) var content: Content {
        get { storage.content }
        set { storage = Storage(newValue) }
    }

    init(_ content: Content) { storage = Storage(content) }

    package init(
        key: ResourceKey, spec: JSONValue, digest: String, owner: String, applied: Applied? = nil,
        source: ResourceSource? = nil, changedBy: ChangedBy? = nil, health: Health = .healthy
    ) {
        storage = Storage(
            Content(
                key: key, spec: DeferredJSON(spec), digest: digest, owner: owner, applied: applied, source: source,
                changedBy: changedBy, health: health))
    }

    package var key: ResourceKey { storage.content.key }
    /// The normal form; what is stored as it is where that cannot be decoded (then `health` says why).
    package var spec: JSONValue {
        get { storage.content.spec.value }
        set { content.spec = DeferredJSON(newValue) }
    }
    package var digest: String {
        get { storage.content.digest }
        set { content.digest = newValue }
    }
    /// The source name of the credential that created it (or adopted it).
    package var owner: String {
        get { storage.content.owner }
        set { content.owner = newValue }
    }
    package var applied: Applied? {
        get { storage.content.applied }
        set { content.applied = newValue }
    }
    package var source: ResourceSource? {
        get { storage.content.source }
        set { content.source = newValue }
    }
    package var changedBy: ChangedBy? {
        get { storage.content.changedBy }
        set { content.changedBy = newValue }
    }
    package var health: Health {
        get { storage.content.health }
        set { content.health = newValue }
    }

    /// Asked of every resource at every look: without a copy of what is said of its health.
    package var isHealthy: Bool { storage.content.health.state == .healthy }

    /// Whether both are one and the same value, which costs nothing to see: what did not change is passed on as it was.
    package func isIdentical(to other: StoredResource) -> Bool { storage === other.storage }

    package static func == (left: StoredResource, right: StoredResource) -> Bool {
        left.storage === right.storage || left.storage.content == right.storage.content
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(storage.content) }

    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        self.init(
            key: ResourceKey(try reader.choice("kind"), try reader.string("name")), spec: try reader.required("spec"),
            digest: try reader.string("digest"), owner: try reader.string("owner"),
            applied: try reader.optionalValue("applied"), source: try reader.optionalValue("source"),
            changedBy: try reader.optionalValue("changedBy"), health: try reader.value("health"))
    }

    package var json: JSONValue {
        .object(compacting: [
            "kind": .string(key.kind.rawValue), "name": .string(key.name), "spec": spec, "digest": .string(digest),
            "owner": .string(owner), "applied": applied?.json ?? .null, "source": source?.json ?? .null,
            "changedBy": changedBy?.json, "health": health.json,
        ])
    }

    /// What the component says of the resource; never a user's alert.
    package struct Health: Hashable, Sendable, JSONCodable {
        package var state: State
        package var message: String?

        package enum State: String, CaseIterable, Sendable {
            case healthy
            /// What is stored cannot be decoded; the component keeps the last form that could be.
            case invalid
            /// A `secretRef` that cannot be resolved on the machine that uses it.
            case secretMissing
            /// Loaded, but not working: an expression that fails, a delivery that does not arrive.
            case failing
        }

        package static let healthy = Health(state: .healthy)

        package init(state: State, message: String? = nil) {
            self.state = state
            self.message = message
        }

        package init(json: JSONValue) throws(JSONFormError) {
            let reader = try JSONObjectReader(json)
            state = try reader.choice("state")
            message = try reader.optionalString("message")
        }

        package var json: JSONValue {
            .object(compacting: ["state": .string(state.rawValue), "message": message.map(JSONValue.string)])
        }
    }
}
