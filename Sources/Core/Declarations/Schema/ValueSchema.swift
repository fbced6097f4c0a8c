package import Telemetry

/// What a field may hold. One description per kind yields decoding, normal form, JSON Schema, redaction and references.
package indirect enum ValueSchema: Sendable {
    case text(TextRule)
    /// PromQL; kept as written, without the white space around it.
    case expression
    /// A Prometheus duration, kept in its shortest form.
    case duration(ClosedRange<PromDuration>)
    /// One of a closed list of words.
    case choice([String])
    case integer(ClosedRange<Int>)
    /// Bytes, as a whole number or with a unit (`20GiB`); kept as the number.
    case size(ClosedRange<Int>)
    /// A finite number.
    case number
    case bool
    /// Texts whose order and repetition mean nothing; kept sorted bytewise and unique.
    case set(of: TextRule, atLeast: Int)
    /// Values whose order matters.
    case list(of: ValueSchema)
    /// A set of conditions on labels (``LabelMatcher``), all of which hold.
    case matchers
    case map(keys: TextRule, values: TextRule)
    case object(ObjectSchema)

    /// Items of one set, list or map; far above what a person writes, low enough that a spec stays small.
    static let mostItems = 1000
    static let longestExpression = 10_000
}

/// An object with a closed list of fields.
package struct ObjectSchema: Sendable {
    package let fields: [Field]
    package let rules: [ObjectRule]

    init(_ fields: [Field], rules: [ObjectRule] = []) {
        self.fields = fields
        self.rules = rules
    }

    package func field(named name: String) -> Field? { fields.first { $0.name == name } }
}

package struct Field: Sendable {
    package let name: String
    package let schema: ValueSchema
    package let isRequired: Bool
    /// What an absent field means, in normal form; nil where absence is a meaning of its own.
    package let defaultValue: JSONValue?
    /// Shown in reports, logs and to readers without the scope `config` only as scheme, host and a keyed hash.
    package let isSensitive: Bool
    /// One or two sentences for editors.
    package let documentation: String

    static func required(_ name: String, _ schema: ValueSchema, _ documentation: String) -> Field {
        Field(
            name: name, schema: schema, isRequired: true, defaultValue: nil, isSensitive: false,
            documentation: documentation)
    }

    static func optional(
        _ name: String, _ schema: ValueSchema, default fallback: JSONValue? = nil, isSensitive: Bool = false,
        _ documentation: String
    ) -> Field {
        Field(
            name: name, schema: schema, isRequired: false, defaultValue: fallback ?? schema.emptyValue,
            isSensitive: isSensitive, documentation: documentation)
    }
}

extension ValueSchema {
    /// What an optional field of this schema means when it is absent and has no default of its own: empty collections
    /// are left out of the normal form.
    fileprivate var emptyValue: JSONValue? {
        switch self {
        case .set, .list, .matchers: .array([])
        case .map, .object: .object([:])
        case .text, .expression, .duration, .choice, .integer, .size, .number, .bool: nil
        }
    }
}

/// What must hold between the fields of one object.
package enum ObjectRule: Sendable {
    case atMostOne(String, String)
    case exactlyOne(String, String)
    /// One of the two, or both, with something in it.
    case atLeastOne(String, String)
    /// One of them at least, with something in it.
    case anyOf([String])
    /// The first duration is longer than the second.
    case longer(String, than: String)
    /// No two items of a list of objects have the same text in a field.
    case unique(String, by: String)
    /// The first duration, where it is given, is at most the second.
    case notLonger(String, than: String)
    /// Where the choice in the second is one of these the first is required.
    case needs(String, where: String, is: [String])
    /// The first is given only where the choice in the second is one of these.
    case only(String, where: String, is: [String])
    /// Each field of the first, an object, goes with the text in the second; else why it does not.
    case suits(String, to: String, objection: @Sendable (_ field: String, _ text: String) -> String?)

    var fields: [String] {
        switch self {
        case .atMostOne(let first, let second), .exactlyOne(let first, let second), .atLeastOne(let first, let second),
            .longer(let first, let second), .notLonger(let first, let second):
            [first, second]
        case .unique(let list, _): [list]
        case .anyOf(let names): names
        case .only(let field, let choice, _), .needs(let field, let choice, _), .suits(let field, let choice, _):
            [field, choice]
        }
    }
}
