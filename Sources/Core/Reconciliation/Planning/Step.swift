package import ConfigAPI
package import Declarations

/// One change of a plan: what is to become of one resource on one target, why, and what differs.
package struct Step: Hashable, Sendable {
    package var target: TargetName
    /// The host, for agents.
    package var host: String?
    package var kind: String
    package var name: String
    package var action: Action
    package var causes: [Cause]
    package var treatment: Treatment
    /// With secrets redacted; fit to be printed and stored.
    package var fields: [FieldChange]
    package var changedBy: ChangedBy?
    /// What is put. Never printed: it may hold what is redacted in `fields`.
    package var spec: JSONValue?
    package var takesOwnership: Bool
    /// The other name, where a deletion and a creation of one kind have the same spec: alert state moves along.
    package var renamed: String?
    /// Where the declared form stands.
    package var file: String?
    package var line: Int?

    package enum Action: String, CaseIterable, Hashable, Sendable {
        case create, update, delete
        /// Ownership of a foreign resource is taken over.
        case adopt
        /// Live became what is declared without us; only the store's note of what was applied is renewed.
        case record
    }

    package enum Treatment: Hashable, Sendable {
        case apply
        /// A known difference that stays, and counts as drift unless it is tolerated.
        case leave(Leaving)
        /// Listed, without effect on the outcome.
        case ignore
        case refuse(GuardName)
    }

    package enum Leaving: String, CaseIterable, Hashable, Sendable {
        /// The reconciler only observes.
        case observe
        /// The manifest says `plumbline/drift: report`.
        case report
        /// A person said that it stays for a while. Does not count as drift.
        case tolerated
        /// Somebody undoes each correction: the next one waits a while.
        case contested
    }

    package init(
        target: TargetName, host: String? = nil, kind: String, name: String, action: Action, causes: [Cause],
        treatment: Treatment = .apply, fields: [FieldChange] = [], changedBy: ChangedBy? = nil
    ) {
        self.target = target
        self.host = host
        self.kind = kind
        self.name = name
        self.action = action
        self.causes = causes
        self.treatment = treatment
        self.fields = fields
        self.changedBy = changedBy
        self.takesOwnership = false
    }

    package var key: ResourceKey? { ResourceKind(rawValue: kind).map { ResourceKey($0, name) } }
}

/// One field that differs, by JSON Pointer; an absent side is nil.
package struct FieldChange: Hashable, Sendable, JSONCodable {
    package var path: String
    package var declared: JSONValue?
    package var live: JSONValue?
    /// Whether git or somebody else moved this field; empty where that is not known.
    package var causes: [Cause]

    package init(path: String, declared: JSONValue?, live: JSONValue?, causes: [Cause] = []) {
        self.path = path
        self.declared = declared
        self.live = live
        self.causes = causes
    }

    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        path = try reader.string("path")
        declared = reader.optional("declared")
        live = reader.optional("live")
        causes = try reader.strings("cause").compactMap(Cause.init(rawValue:))
    }

    package var json: JSONValue {
        .object(compacting: [
            "path": .string(path), "declared": declared, "live": live,
            "cause": causes.isEmpty ? nil : .array(causes.map { .string($0.rawValue) }),
        ])
    }
}
