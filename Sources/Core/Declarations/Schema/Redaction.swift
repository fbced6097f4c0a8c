/// A spec as people may see it who may not see secrets: sensitive fields become `scheme://host#` and eight hex digits of
/// a keyed hash of the value, so that a change shows and the value does not.
///
/// Also for specs that cannot be decoded: what the schema does not know is redacted too where the kind has anything
/// sensitive at all, since a hand-made change can put a token anywhere.
package func redacted(_ spec: JSONValue, kind: ResourceKind, hmac: (String) -> String) -> JSONValue {
    redacted(spec, kind.schema, hmac)
}

private func redacted(_ value: JSONValue, _ schema: ObjectSchema, _ hmac: (String) -> String) -> JSONValue {
    guard schema.hasSensitiveFields else { return value }
    guard case .object(let members) = value else { return redactedValue(value, hmac) }
    var shown: [String: JSONValue] = [:]
    for (name, member) in members {
        guard let field = schema.field(named: name), !field.isSensitive else {
            shown[name] = redactedValue(member, hmac)
            continue
        }
        if case .object(let inner) = field.schema {
            shown[name] = redacted(member, inner, hmac)
        } else {
            shown[name] = member
        }
    }
    return .object(shown)
}

extension ObjectSchema {
    /// Whether anything in it is sensitive, however deep.
    fileprivate var hasSensitiveFields: Bool {
        fields.contains { field in
            if case .object(let inner) = field.schema { return field.isSensitive || inner.hasSensitiveFields }
            return field.isSensitive
        }
    }
}

private func redactedValue(_ value: JSONValue, _ hmac: (String) -> String) -> JSONValue {
    let text: String = value.string ?? value.canonicalText
    let address: String = WebURL(text).map { "\($0.scheme)://\($0.authority)" } ?? ""
    return .string("\(address)#\(hmac(text).prefix(8))")
}
