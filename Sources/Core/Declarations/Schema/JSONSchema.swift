import Telemetry

/// JSON Schema (2020-12) of a manifest document of any kind, for editors and other validators. What it refuses is
/// wrong; not everything that it takes is right (expressions, references and comparisons are beyond it).
package func manifestJSONSchema() -> JSONValue {
    let kinds: [ResourceKind] = ResourceKind.allCases.sorted { $0.rawValue < $1.rawValue }
    let choices: [JSONValue] = kinds.map { kind in
        [
            "if": ["properties": ["kind": ["const": .string(kind.rawValue)]], "required": ["kind"]],
            "then": ["properties": ["spec": ["$ref": .string("#/$defs/\(kind.rawValue)")]]],
        ]
    }
    var definitions: [String: JSONValue] = [:]
    for kind in kinds {
        definitions[kind.rawValue] = described(ValueSchema.object(kind.schema).jsonSchema, kind.summary)
    }
    return [
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A resource of a Plumbline config repository",
        "type": "object",
        "additionalProperties": false,
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "properties": [
            "apiVersion": ["const": .string(Resource.apiVersion)],
            "kind": ["enum": .array(kinds.map { .string($0.rawValue) })],
            "metadata": metadataSchema,
            "spec": ["type": "object"],
        ],
        "allOf": .array(choices),
        "$defs": .object(definitions),
    ]
}

private let metadataSchema: JSONValue = [
    "type": "object",
    "additionalProperties": false,
    "required": ["name"],
    "properties": [
        "name": described(ValueSchema.text(.resourceName).jsonSchema, "Unique among the resources of the kind."),
        "annotations": [
            "type": "object",
            "additionalProperties": ["type": "string"],
            // A key of the prefix that is not among the properties is unknown.
            "patternProperties": ["^plumbline/(?!(adopt|drift|prune)$)": false],
            "properties": [
                "plumbline/adopt": [
                    "const": "true", "description": "Take over a live resource of this name that differs.",
                ],
                "plumbline/drift": [
                    "enum": .array(DriftPolicy.allCases.map { .string($0.rawValue) }),
                    "description": "What is done about a change made outside git; correct if left out.",
                ],
                "plumbline/prune": [
                    "const": "keep", "description": "Leave the live resource when it is no longer declared.",
                ],
            ],
        ],
    ],
]

private func described(_ schema: JSONValue, _ documentation: String) -> JSONValue {
    guard case .object(var members) = schema else { return schema }
    members["description"] = .string(documentation)
    return .object(members)
}

extension ValueSchema {
    var jsonSchema: JSONValue {
        switch self {
        case .text(let rule): rule.jsonSchema
        case .expression: ["type": "string", "minLength": 1, "maxLength": .integer(Self.longestExpression)]
        case .duration: ["type": "string", "pattern": .string(Self.durationPattern)]
        case .choice(let words): ["enum": .array(words.map(JSONValue.string))]
        case .integer(let range):
            ["type": "integer", "minimum": .integer(range.lowerBound), "maximum": .integer(range.upperBound)]
        case .size(let range):
            [
                "anyOf": [
                    ["type": "integer", "minimum": .integer(range.lowerBound), "maximum": .integer(range.upperBound)],
                    ["type": "string", "pattern": .string(ByteSize.pattern)],
                ]
            ]
        case .number: ["type": "number"]
        case .bool: ["type": "boolean"]
        case .set(let rule, let minimum):
            [
                "type": "array", "items": rule.jsonSchema, "minItems": .integer(minimum),
                "maxItems": .integer(Self.mostItems),
            ]
        case .matchers: ValueSchema.set(of: .matcher, atLeast: 0).jsonSchema
        case .list(let item): ["type": "array", "items": item.jsonSchema, "maxItems": .integer(Self.mostItems)]
        case .map(let keys, let values):
            [
                "type": "object", "propertyNames": keys.jsonSchema, "additionalProperties": values.jsonSchema,
                "maxProperties": .integer(Limits.labelsPerSeries),
            ]
        case .object(let object): object.jsonSchema
        }
    }

    /// The units in falling order, each at most once.
    private static let durationPattern =
        "^(0|(?=.)([0-9]+y)?([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?)$"
}

extension TextRule {
    var jsonSchema: JSONValue {
        .object(compacting: [
            "type": "string", "minLength": 1, "maxLength": .integer(longest), "pattern": pattern.map(JSONValue.string),
        ])
    }
}

extension ObjectSchema {
    var jsonSchema: JSONValue {
        var properties: [String: JSONValue] = [:]
        for field in fields {
            guard case .object(var members) = described(field.schema.jsonSchema, field.documentation) else { continue }
            members["default"] = field.defaultValue
            properties[field.name] = .object(members)
        }
        let required: [JSONValue] = fields.filter(\.isRequired).map { .string($0.name) }
        let constraints: [JSONValue] = rules.compactMap(\.jsonSchema)
        return .object(compacting: [
            "type": "object", "additionalProperties": false, "properties": .object(properties),
            "required": required.isEmpty ? nil : .array(required),
            "allOf": constraints.isEmpty ? nil : .array(constraints),
        ])
    }
}

extension ObjectRule {
    /// Nil for what JSON Schema cannot say.
    fileprivate var jsonSchema: JSONValue? {
        switch self {
        case .atMostOne(let first, let second): ["not": ["required": [.string(first), .string(second)]]]
        case .exactlyOne(let first, let second):
            ["oneOf": [["required": [.string(first)]], ["required": [.string(second)]]]]
        case .atLeastOne(let first, let second):
            ["anyOf": [["required": [.string(first)]], ["required": [.string(second)]]]]
        case .anyOf(let names): ["anyOf": .array(names.map { ["required": [.string($0)]] })]
        case .only(let field, let choice, let allowed):
            [
                "if": ["required": [.string(field)]],
                "then": ["properties": [choice: ["enum": .array(allowed.map(JSONValue.string))]]],
            ]
        case .longer, .notLonger, .needs, .unique, .suits: nil
        }
    }
}
