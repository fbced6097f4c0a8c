package import Declarations

/// What a fetch brought.
package struct FetchResult: Hashable, Sendable {
    /// The commit at the branch's head now.
    package var head: ObjectID
    /// The commit that this store saw there last time; nil the first time.
    package var previous: ObjectID?
    package var receivedBytes: Int
    package var receivedObjects: Int
    /// Why the store was made anew from the remote, where it was.
    package var rebuilt: String?

    package init(
        head: ObjectID, previous: ObjectID?, receivedBytes: Int = 0, receivedObjects: Int = 0, rebuilt: String? = nil
    ) {
        self.head = head
        self.previous = previous
        self.receivedBytes = receivedBytes
        self.receivedObjects = receivedObjects
        self.rebuilt = rebuilt
    }

    package var isChanged: Bool { head != previous }
}

extension FetchResult: JSONCodable {
    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        head = try reader.objectID("head")
        previous = reader.optional("previous") == nil ? nil : try reader.objectID("previous")
        receivedBytes = try reader.integer("receivedBytes")
        receivedObjects = try reader.integer("receivedObjects")
        rebuilt = try reader.optionalString("rebuilt")
    }

    package var json: JSONValue {
        .object(compacting: [
            "head": .string(head.hex), "previous": previous.map { .string($0.hex) },
            "receivedBytes": .integer(receivedBytes), "receivedObjects": .integer(receivedObjects),
            "rebuilt": rebuilt.map(JSONValue.string),
        ])
    }
}

extension JSONObjectReader {
    func objectID(_ key: String) throws(JSONFormError) -> ObjectID {
        guard let id = ObjectID(hex: try string(key)) else { throw error(key, "expected 40 hexadecimal digits") }
        return id
    }

    func objectIDs(_ key: String) throws(JSONFormError) -> [ObjectID] {
        var ids: [ObjectID] = []
        for text in try strings(key) {
            guard let id = ObjectID(hex: text) else { throw error(key, "expected 40 hexadecimal digits") }
            ids.append(id)
        }
        return ids
    }
}
