/// One field in which two specs differ. A side that is nil has no such field: it holds the default.
package struct FieldDifference: Hashable, Sendable {
    /// JSON Pointer (RFC 6901) into the spec.
    package var path: String
    package var declared: JSONValue?
    package var live: JSONValue?

    package init(path: String, declared: JSONValue?, live: JSONValue?) {
        self.path = path
        self.declared = declared
        self.live = live
    }
}

extension FieldDifference: JSONCodable {
    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        path = try reader.string("path")
        declared = reader.optional("declared")
        live = reader.optional("live")
    }

    package var json: JSONValue {
        .object(compacting: ["path": .string(path), "declared": declared, "live": live])
    }
}

/// The fields in which two specs in normal form differ, in order of path. A spec that is nil counts as one without
/// fields. Lists and sets are compared as a whole, objects and maps member by member.
package func fieldDifferences(declared: JSONValue?, live: JSONValue?) -> [FieldDifference] {
    var differences: [FieldDifference] = []
    compare(declared ?? .object([:]), live ?? .object([:]), at: "", into: &differences)
    return differences
}

private func compare(
    _ declared: JSONValue?, _ live: JSONValue?, at path: String, into differences: inout [FieldDifference]
) {
    if case .object(let left)? = declared ?? .object([:]), case .object(let right)? = live ?? .object([:]),
        declared != nil || live != nil
    {
        let keys: [String] = sortedUnique(Array(left.keys) + Array(right.keys))
        for key in keys {
            compare(left[key], right[key], at: path + "/" + escapedForPointer(key), into: &differences)
        }
        return
    }
    // By bytes: Swift takes texts for equal that differ in Unicode normalisation, and digests do not.
    guard declared?.canonical != live?.canonical else { return }
    differences.append(FieldDifference(path: path, declared: declared, live: live))
}
