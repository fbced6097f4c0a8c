import Declarations

/// The place behind a document: the value of its cursor field, and its `_id`, by which equal values are told apart.
struct PagePosition: Hashable, Sendable {
    /// Nil where the cursor field is `_id` itself.
    var cursor: BSONElement?
    var id: BSONElement

    init(cursor: BSONElement?, id: BSONElement) {
        self.cursor = cursor
        self.id = id
    }

    /// Nil where `text` is not what ``text`` writes.
    init?(text: String) {
        guard let json = try? JSONValue(parsing: Array(text.utf8)), let members = json.object,
            let id = members["id"].flatMap(BSONElement.init(extendedJSON:))
        else { return nil }
        self.init(cursor: members["cursor"].flatMap(BSONElement.init(extendedJSON:)), id: id)
    }

    var text: String {
        JSONValue.object(compacting: ["cursor": cursor?.extendedJSON, "id": id.extendedJSON]).canonicalText
    }
}
