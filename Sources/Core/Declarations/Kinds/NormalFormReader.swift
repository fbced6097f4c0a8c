import Telemetry

/// Reads the fields of an object in normal form, with the defaults of its schema. A field of another type is a bug of
/// ours, not of who wrote the manifest: normal forms are made by decoding with the same schema.
struct NormalFormReader {
    private let members: [String: JSONValue]
    private let schema: ObjectSchema

    init(_ normalForm: JSONValue, _ schema: ObjectSchema) {
        members = normalForm.object ?? [:]
        self.schema = schema
    }

    func isPresent(_ name: String) -> Bool { members[name] != nil }

    /// The value as it is.
    func raw(_ name: String) -> JSONValue { value(name) { $0 } }
    func text(_ name: String) -> String { value(name) { $0.string } }
    func bool(_ name: String) -> Bool { value(name) { $0.bool } }
    func integer(_ name: String) -> Int { value(name) { $0.integer } }
    func duration(_ name: String) -> PromDuration { value(name) { $0.string.flatMap { PromDuration($0) } } }
    func texts(_ name: String) -> [String] { value(name) { $0.array?.compactMap(\.string) } }
    func map(_ name: String) -> [String: String] { value(name) { $0.object?.compactMapValues(\.string) } }
    func optionalText(_ name: String) -> String? { isPresent(name) ? text(name) : nil }

    func choice<Choice: RawRepresentable<String>>(_ name: String) -> Choice {
        value(name) { $0.string.flatMap(Choice.init(rawValue:)) }
    }

    func object(_ name: String, _ schema: ObjectSchema) -> NormalFormReader {
        NormalFormReader(value(name) { $0 }, schema)
    }

    func objects(_ name: String, _ schema: ObjectSchema) -> [NormalFormReader] {
        value(name) { $0.array?.map { NormalFormReader($0, schema) } }
    }

    private func value<Value>(_ name: String, _ read: (JSONValue) -> Value?) -> Value {
        let present: JSONValue? = members[name] ?? schema.field(named: name)?.defaultValue
        guard let value = present.flatMap(read) else {
            preconditionFailure("field \"\(name)\" is not what its schema says")
        }
        return value
    }
}
