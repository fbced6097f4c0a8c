package import Telemetry

/// A value with a JSON form that programs exchange. Forms are written by hand, not derived: they are contracts, and
/// core targets stay free of Foundation.
package protocol JSONCodable: Sendable {
    init(json: JSONValue) throws(JSONFormError)
    var json: JSONValue { get }
}

/// Why a JSON value is not the form that was expected.
package struct JSONFormError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Where, as a JSON Pointer (RFC 6901) into the document; empty for the document itself.
    package var path: String
    package var message: String

    package init(path: String = "", message: String) {
        self.path = path
        self.message = message
    }

    package var description: String { path.isEmpty ? message : "\(path): \(message)" }
}

extension JSONCodable {
    /// Reads a JSON text of this form.
    package init(parsing bytes: some Collection<UInt8>) throws(JSONFormError) {
        let value: JSONValue
        do { value = try JSONValue(parsing: bytes) } catch {
            throw JSONFormError(message: "not JSON: \(error)")
        }
        try self.init(json: value)
    }
}

/// Reads the members of one JSON object, with errors that name the member. Unknown members are ignored: readers of
/// wire forms stay open to newer writers. (Manifests are strict; they are decoded by schemas instead.)
package struct JSONObjectReader: Sendable {
    private let members: [String: JSONValue]
    private let path: String

    package init(_ json: JSONValue, path: String = "") throws(JSONFormError) {
        guard case .object(let members) = json else {
            throw JSONFormError(path: path, message: "expected an object")
        }
        self.members = members
        self.path = path
    }

    /// The member, where it is there and not null.
    package func optional(_ key: String) -> JSONValue? {
        guard let member = members[key], member != .null else { return nil }
        return member
    }

    package func required(_ key: String) throws(JSONFormError) -> JSONValue {
        guard let member = optional(key) else { throw error(key, "is missing") }
        return member
    }

    package func string(_ key: String) throws(JSONFormError) -> String {
        guard let text = try required(key).string else { throw error(key, "expected a string") }
        return text
    }
    package func optionalString(_ key: String) throws(JSONFormError) -> String? {
        guard optional(key) != nil else { return nil }
        return try string(key)
    }
    package func integer(_ key: String) throws(JSONFormError) -> Int {
        guard let number = try required(key).integer else { throw error(key, "expected an integer") }
        return number
    }
    package func optionalInteger(_ key: String) throws(JSONFormError) -> Int? {
        guard optional(key) != nil else { return nil }
        return try integer(key)
    }
    package func number(_ key: String) throws(JSONFormError) -> Double {
        guard let number = try required(key).number else { throw error(key, "expected a number") }
        return number
    }
    package func bool(_ key: String, default fallback: Bool) throws(JSONFormError) -> Bool {
        guard let member = optional(key) else { return fallback }
        guard let flag = member.bool else { throw error(key, "expected true or false") }
        return flag
    }
    package func time(_ key: String) throws(JSONFormError) -> Timestamp {
        let text: String = try string(key)
        guard let instant = Timestamp(rfc3339: text) else { throw error(key, "expected an RFC 3339 time") }
        return instant
    }
    package func optionalTime(_ key: String) throws(JSONFormError) -> Timestamp? {
        guard optional(key) != nil else { return nil }
        return try time(key)
    }
    /// One of the cases of an enumeration with text values.
    package func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ key: String, of type: Choice.Type = Choice.self
    ) throws(JSONFormError) -> Choice {
        let text: String = try string(key)
        guard let choice = Choice(rawValue: text) else {
            let known: String = Choice.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
            throw error(key, "expected one of \(known), got \"\(text)\"")
        }
        return choice
    }
    package func value<Value: JSONCodable>(
        _ key: String, as type: Value.Type = Value.self
    ) throws(JSONFormError) -> Value {
        try nested(key, required(key))
    }
    package func optionalValue<Value: JSONCodable>(
        _ key: String, as type: Value.Type = Value.self
    ) throws(JSONFormError) -> Value? {
        guard let member = optional(key) else { return nil }
        return try nested(key, member)
    }
    /// The items of an array; an absent member is an empty one.
    package func list<Value: JSONCodable>(
        _ key: String, of type: Value.Type = Value.self
    ) throws(JSONFormError) -> [Value] {
        var values: [Value] = []
        for (index, item) in try array(key).enumerated() { values.append(try nested("\(key)/\(index)", item)) }
        return values
    }
    /// The items of an array; an absent member is an empty one.
    package func array(_ key: String) throws(JSONFormError) -> [JSONValue] {
        guard let member = optional(key) else { return [] }
        guard let items = member.array else { throw error(key, "expected an array") }
        return items
    }
    package func strings(_ key: String) throws(JSONFormError) -> [String] {
        var texts: [String] = []
        for item in try array(key) {
            guard let text = item.string else { throw error(key, "expected an array of strings") }
            texts.append(text)
        }
        return texts
    }
    /// A map of strings; an absent member is an empty one.
    package func stringMap(_ key: String) throws(JSONFormError) -> [String: String] {
        guard let member = optional(key) else { return [:] }
        guard let entries = member.object else { throw error(key, "expected an object of strings") }
        var texts: [String: String] = [:]
        for (name, entry) in entries {
            guard let text = entry.string else { throw error("\(key)/\(name)", "expected a string") }
            texts[name] = text
        }
        return texts
    }

    package func error(_ key: String, _ message: String) -> JSONFormError {
        JSONFormError(path: "\(path)/\(key)", message: message)
    }

    private func nested<Value: JSONCodable>(_ key: String, _ json: JSONValue) throws(JSONFormError) -> Value {
        do { return try Value(json: json) } catch {
            throw JSONFormError(path: "\(path)/\(key)\(error.path)", message: error.message)
        }
    }
}

extension Array where Element: JSONCodable {
    package var json: JSONValue { .array(map(\.json)) }
}

extension Dictionary where Key == String, Value == String {
    package var json: JSONValue { .object(mapValues(JSONValue.string)) }
}
