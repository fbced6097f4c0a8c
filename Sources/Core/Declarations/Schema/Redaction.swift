/// A spec as people may see it who may not see secrets: sensitive fields become `scheme://host#` and eight hex digits of
/// a keyed hash of the value, so that a change shows and the value does not.
///
/// Also for specs that cannot be decoded: what the schema does not know is redacted too where the kind has anything
/// sensitive at all, since a hand-made change can put a token anywhere.
package func redacted(_ spec: JSONValue, kind: ResourceKind, hmac: (String) -> String) -> JSONValue {
    let schema: ObjectSchema = kind.schema
    guard schema.fields.contains(where: \.isSensitive) else { return spec }
    guard case .object(let members) = spec else { return redactedValue(spec, hmac) }
    var shown: [String: JSONValue] = [:]
    for (name, value) in members {
        let isOpen: Bool = schema.field(named: name).map { !$0.isSensitive } ?? false
        shown[name] = isOpen ? value : redactedValue(value, hmac)
    }
    return .object(shown)
}

private func redactedValue(_ value: JSONValue, _ hmac: (String) -> String) -> JSONValue {
    let text: String = value.string ?? value.canonicalText
    let address: String = WebURL(text).map { "\($0.scheme)://\($0.authority)" } ?? ""
    return .string("\(address)#\(hmac(text).prefix(8))")
}
