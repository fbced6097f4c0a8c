import Declarations

/// The queries of one pipeline's source: which documents wait, in which order, and behind which place.
struct PendingQuery: Hashable, Sendable {
    private let spec: PipelineSpec.MongoDB

    init(_ spec: PipelineSpec.MongoDB) { self.spec = spec }

    typealias Members = [(key: String, value: BSONElement)]

    private static let id = "_id"

    var sort: BSONElement {
        .document(
            spec.cursor == Self.id ? [(Self.id, .int32(1))] : [(spec.cursor, .int32(1)), (Self.id, .int32(1))])
    }

    /// Documents that wait. Those of a source that is not acknowledged all do: nothing marks them.
    var waiting: Members {
        guard spec.acknowledge else { return [] }
        let isPending: BSONElement = .document([("$in", .array(spec.pending.map { .string($0) }))])
        guard spec.missingIsPending else { return [(spec.statusField, isPending)] }
        return Self.any([
            [(spec.statusField, isPending)], [(spec.statusField, .document([("$exists", .bool(false))]))],
        ])
    }

    /// Documents that wait behind a place in the order of ``sort``.
    func waiting(behind position: PagePosition?) -> Members {
        guard let position else { return waiting }
        guard spec.cursor != Self.id else { return Self.all([waiting, Self.greater(Self.id, position.id)]) }
        let cursor: BSONElement = position.cursor ?? .null
        let tie: Members = Self.all([
            [(spec.cursor, .document([("$eq", cursor)]))], Self.greater(Self.id, position.id),
        ])
        return Self.all([waiting, Self.any([Self.greater(spec.cursor, cursor), tie])])
    }

    /// Those of `ids` that still wait: what somebody else has marked meanwhile is left alone.
    func waiting(among ids: [BSONElement]) -> Members {
        Self.all([[(Self.id, .document([("$in", .array(ids))]))], waiting])
    }

    /// Waiting documents whose `_id` says when it was made.
    var waitingWithObjectID: Members {
        Self.all([waiting, [(Self.id, .document([("$type", .string("objectId"))]))]])
    }

    var mark: BSONElement { .document([("$set", .document([(spec.statusField, .string(spec.processed))]))]) }

    // MARK: Order

    /// The types in MongoDB's order of values, by the names that `$type` has for them; those of one line compare with
    /// each other.
    private static let order: [[String]] = [
        ["minKey"], ["undefined", "null"], ["int", "long", "double", "decimal"], ["string", "symbol"], ["object"],
        ["array"], ["binData"], ["objectId"], ["bool"], ["date"], ["timestamp"], ["regex"], ["dbPointer"],
        ["javascript"], ["javascriptWithScope"], ["maxKey"],
    ]

    /// Values behind `element` in the order of sorting. `$gt` alone is not enough: it matches values of the same type
    /// only, so behind the last text all ObjectIds would be lost.
    private static func greater(_ field: String, _ element: BSONElement) -> Members {
        let place: Int = place(of: element.type)
        var branches: [Members] = []
        if element.isNaN {
            // NaN is the least of all numbers, and not less than any of them.
            branches.append([(field, .document([("$gte", .double(-.infinity))]))])
        } else if element.isComparable {
            branches.append([(field, .document([("$gt", element)]))])
        }
        let later: [String] = order.dropFirst(place + 1).flatMap { $0 }
        if !later.isEmpty {
            branches.append([(field, .document([("$type", .array(later.map { .string($0) }))]))])
        }
        // A field that is not there sorts as null.
        if place == 0 { branches.append([(field, .document([("$exists", .bool(false))]))]) }
        // Behind the very last value there is nothing; an empty list of branches is no query.
        return branches.isEmpty ? [(field, .document([("$in", .array([]))]))] : any(branches)
    }

    private static func place(of type: BSONType) -> Int {
        switch type {
        case .minKey: 0
        case .undefined, .null: 1
        case .int32, .int64, .double, .decimal128: 2
        case .string, .symbol: 3
        case .document: 4
        case .array: 5
        case .binary: 6
        case .objectID: 7
        case .bool: 8
        case .date: 9
        case .timestamp: 10
        case .regex: 11
        case .dbPointer: 12
        case .javascript: 13
        case .javascriptWithScope: 14
        default: 15
        }
    }

    // MARK: Conditions

    private static func any(_ conditions: [Members]) -> Members { joined("$or", conditions) }

    private static func all(_ conditions: [Members]) -> Members { joined("$and", conditions.filter { !$0.isEmpty }) }

    private static func joined(_ name: String, _ conditions: [Members]) -> Members {
        guard conditions.count > 1 else { return conditions.first ?? [] }
        return [(name, .array(conditions.map { .document($0) }))]
    }
}

extension BSONElement {
    fileprivate var isNaN: Bool { type == .double && Double(bitPattern: UInt64(littleEndian: content)).isNaN }

    /// Whether `$gt` with it means anything.
    fileprivate var isComparable: Bool {
        switch type {
        case .minKey, .maxKey, .undefined, .null, .regex: false
        default: true
        }
    }
}
