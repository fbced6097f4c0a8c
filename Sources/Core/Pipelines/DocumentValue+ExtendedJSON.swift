package import Declarations
import Telemetry

extension DocumentValue {
    /// Reads JSON in which typed values may stand as MongoDB's extended JSON writes them, relaxed or canonical:
    /// `{"$date": …}`, `{"$oid": …}`, `{"$numberLong": …}`. What `mongoexport` writes is read as it was stored.
    package init(extended json: JSONValue) {
        switch json {
        case .array(let items): self = .array(items.map { DocumentValue(extended: $0) })
        case .object(let members):
            if members.count == 1, let (name, value) = members.first, let typed = Self.typed(name, value) {
                self = typed
            } else {
                self = .object(members.mapValues { DocumentValue(extended: $0) })
            }
        default: self = DocumentValue(json)
        }
    }

    private static func typed(_ name: String, _ value: JSONValue) -> DocumentValue? {
        switch name {
        case "$oid": value.string.map { .objectID($0.lowercased()) }
        case "$date": date(value)
        case "$numberLong", "$numberInt": value.string.flatMap { Int64($0) }.map(DocumentValue.integer)
        case "$numberDouble": value.string.flatMap { Double($0) }.map(DocumentValue.number)
        case "$numberDecimal": value.string.map { .other(type: "decimal128", text: $0) }
        default: nil
        }
    }

    /// RFC 3339, or milliseconds since 1970 as a number or as `{"$numberLong": "…"}`.
    private static func date(_ value: JSONValue) -> DocumentValue? {
        if let text = value.string { return Timestamp(rfc3339: text).map(DocumentValue.date) }
        if let text = value["$numberLong"]?.string, let count = Int64(text) {
            return .date(Timestamp(milliseconds: count))
        }
        return value.integer.map { .date(Timestamp(milliseconds: Int64($0))) }
    }
}
