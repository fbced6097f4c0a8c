package import Declarations

/// A guard's objection to a plan, with what is concerned and how to pass.
package struct Refusal: Hashable, Sendable, JSONCodable {
    package var guardName: GuardName
    package var message: String
    package var resources: [ResourceKey]

    package init(guardName: GuardName, message: String, resources: [ResourceKey]) {
        self.guardName = guardName
        self.message = message
        self.resources = resources
    }

    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        guardName = try reader.choice("guard")
        message = try reader.string("message")
        resources = try reader.strings("resources").compactMap { ResourceKey($0) }
    }

    package var json: JSONValue {
        [
            "guard": .string(guardName.rawValue), "message": .string(message),
            "resources": .array(resources.map { .string($0.description) }),
        ]
    }
}

package enum GuardName: String, CaseIterable, Hashable, Sendable {
    case prune, adopt, retention, noise
    case lastNotifier = "last-notifier"
    /// Another git source owns the resource. No commit of ours can allow that.
    case contested
    /// The branch does not descend from the last accepted commit.
    case rewrittenHistory
    /// A new commit is not signed by somebody who is trusted.
    case signature
}
