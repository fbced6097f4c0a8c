/// The part of MongoDB's query language that the adapter uses, with MongoDB's meaning: a comparison matches values of
/// its own type bracket only.
struct Filter {
    var document: BSONDocument

    func matches(_ candidate: BSONDocument) throws -> Bool {
        for member in document.members {
            guard try matches(candidate, member) else { return false }
        }
        return true
    }

    private func matches(_ candidate: BSONDocument, _ condition: BSONDocument.Member) throws -> Bool {
        switch condition.key {
        case "$or": return try branches(condition).contains { try $0.matches(candidate) }
        case "$and": return try branches(condition).allSatisfy { try $0.matches(candidate) }
        case "$nor": return try !branches(condition).contains { try $0.matches(candidate) }
        case let key where key.hasPrefix("$"): throw WireError("unknown top level operator: \(key)")
        default: break
        }
        let value: BSON? = candidate[path: condition.key]
        guard case .document(let operators) = condition.value, operators.members.first?.key.hasPrefix("$") == true
        else { return (value ?? .null).equals(condition.value) }
        return try operators.members.allSatisfy { try Self.holds($0, of: value) }
    }

    private func branches(_ condition: BSONDocument.Member) throws -> [Filter] {
        guard let items = condition.value.array else { throw WireError("\(condition.key) must be an array") }
        return items.compactMap(\.document).map { Filter(document: $0) }
    }

    private static func holds(_ condition: BSONDocument.Member, of value: BSON?) throws -> Bool {
        let operand: BSON = condition.value
        let sameBracket: BSON? = value.flatMap { $0.bracket == operand.bracket ? $0 : nil }
        switch condition.key {
        case "$eq": return (value ?? .null).equals(operand)
        case "$ne": return !(value ?? .null).equals(operand)
        case "$gt": return sameBracket.map { operand.isBefore($0) } ?? false
        case "$gte": return sameBracket.map { !$0.isBefore(operand) } ?? false
        case "$lt": return sameBracket.map { $0.isBefore(operand) } ?? false
        case "$lte": return sameBracket.map { !operand.isBefore($0) } ?? false
        case "$in": return (operand.array ?? []).contains { (value ?? .null).equals($0) }
        case "$exists": return (value != nil) == (operand == .bool(true) || operand.integer == 1)
        case "$type":
            let names: [String] = (operand.array ?? [operand]).compactMap(\.string)
            guard let value else { return false }
            return names.contains(value.typeName) || (names.contains("number") && value.bracket == 3)
        default: throw WireError("unknown operator: \(condition.key)")
        }
    }
}
