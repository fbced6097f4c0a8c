/// The documents, and what was done to them.
struct Collections {
    /// By `database.collection`, in the order of insertion.
    private(set) var documents: [String: [BSONDocument]] = [:]
    /// How often each document was sent to a client, by its `_id`.
    private(set) var served: [String: [BSON: Int]] = [:]
    /// How often each document was changed by an update, by its `_id`.
    private(set) var updated: [String: [BSON: Int]] = [:]
    private let journal: Journal?

    init(journal: Journal? = nil) throws {
        self.journal = journal
        for entry in try journal?.entries() ?? [] { apply(entry) }
    }

    mutating func insert(_ new: [BSONDocument], into namespace: String) {
        for document in new { record(.put(namespace, document)) }
    }

    /// Those that match, sorted, and counted as served when `isServing`.
    func find(_ filter: BSONDocument, sort: BSONDocument, in namespace: String) throws -> [BSONDocument] {
        let filter = Filter(document: filter)
        let found: [BSONDocument] = try (documents[namespace] ?? []).filter { try filter.matches($0) }
        guard !sort.members.isEmpty else { return found }
        return found.sorted { left, right in
            for key in sort.members {
                let (one, two): (BSON, BSON) = (left[path: key.key] ?? .null, right[path: key.key] ?? .null)
                if one.isBefore(two) { return key.value.integer != -1 }
                if two.isBefore(one) { return key.value.integer == -1 }
            }
            return false
        }
    }

    mutating func serve(_ page: [BSONDocument], from namespace: String) {
        for document in page { if let id = document["_id"] { record(.served(namespace, id)) } }
    }

    /// Sets and unsets members of those that match; gives how many matched and how many are different now.
    mutating func update(
        _ filter: BSONDocument, with change: BSONDocument, isMany: Bool, in namespace: String
    ) throws -> (matched: Int, modified: Int) {
        let found: [BSONDocument] = try find(filter, sort: [:], in: namespace)
        var modified = 0
        for document in isMany ? found[...] : found.prefix(1) {
            var changed: BSONDocument = document
            for action in change.members {
                guard let fields = action.value.document else { throw WireError("\(action.key) needs a document") }
                for field in fields.members {
                    switch action.key {
                    case "$set": changed[path: field.key] = field.value
                    case "$unset": changed[path: field.key] = nil
                    default: throw WireError("unknown update operator: \(action.key)")
                    }
                }
            }
            guard changed != document else { continue }
            modified += 1
            record(.updated(namespace, changed))
        }
        return (isMany ? found.count : min(1, found.count), modified)
    }

    private mutating func record(_ entry: Journal.Entry) {
        apply(entry)
        journal?.append(entry)
    }

    private mutating func apply(_ entry: Journal.Entry) {
        switch entry {
        case .put(let namespace, let document): documents[namespace, default: []].append(document)
        case .served(let namespace, let id): served[namespace, default: [:]][id, default: 0] += 1
        case .updated(let namespace, let document):
            guard let id = document["_id"],
                let place = documents[namespace]?.firstIndex(where: { $0["_id"] == id })
            else { return }
            documents[namespace]?[place] = document
            updated[namespace, default: [:]][id, default: 0] += 1
        }
    }
}
