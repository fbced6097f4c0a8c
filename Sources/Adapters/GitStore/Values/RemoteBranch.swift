package import Declarations

/// A branch as a remote advertises it.
package struct RemoteBranch: Hashable, Sendable {
    /// Without `refs/heads/`.
    package var name: String
    package var head: ObjectID

    package init(name: String, head: ObjectID) {
        self.name = name
        self.head = head
    }
}

extension RemoteBranch: JSONCodable {
    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        name = try reader.string("name")
        head = try reader.objectID("head")
    }

    package var json: JSONValue { ["name": .string(name), "head": .string(head.hex)] }
}
