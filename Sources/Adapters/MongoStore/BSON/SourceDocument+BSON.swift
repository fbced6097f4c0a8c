import Declarations
import Pipelines

extension SourceDocument {
    /// A document of a collection, whose `_id` was found. Bytes that are no BSON are kept from stopping the others.
    init(bson bytes: [UInt8], id: BSONElement) {
        let body: Body
        do { body = .value(try DocumentValue(bson: bytes)) } catch {
            let beginning: String = BSONValues.hex(bytes.prefix(128))
            body = .unreadable(reason: "not BSON: \(error)", excerpt: beginning)
        }
        self.init(id: DocumentID(bson: id), body: body)
    }
}

extension DocumentID {
    /// An id's text form must lead back to it. A text that cannot be kept as it is (not UTF-8, or with U+0000) is told
    /// apart from others by its bytes.
    init(bson id: BSONElement) {
        let value: DocumentValue
        let read: DocumentValue? = try? BSONValues.value(id.type, id.content[...], depth: 1)
        switch read {
        case .string(let text)? where BSONElement.string(text) != id || text.utf8.contains(0):
            value = .other(type: "string", text: text)
        case let read?: value = read
        // Whether a nested id can be read does not matter: its bytes tell it apart.
        case nil: value = .other(type: "unreadable", text: "")
        }
        self.init(value, sourceForm: id.extendedJSON.canonicalText)
    }
}
