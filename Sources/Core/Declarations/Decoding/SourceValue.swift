/// A value as somebody wrote it, with its place: a YAML node or a JSON spec, so that both are decoded by one code.
struct SourceValue: Sendable {
    let content: Content
    let place: Place

    indirect enum Content: Sendable {
        case null
        case bool(Bool)
        /// With the text as written, for messages.
        case number(Double, text: String)
        case string(String)
        case array([SourceValue])
        /// In the order as written, each key once.
        case object([Entry])
    }

    struct Entry: Sendable {
        let key: String
        let keyPlace: Place
        let value: SourceValue
    }
}

/// Where a value stands.
enum Place: Hashable, Sendable {
    case mark(Mark)
    /// RFC 6901.
    case pointer(String)
}

/// Something wrong with a value.
struct Problem: Hashable, Sendable {
    var place: Place
    var message: String
}

extension SourceValue {
    func entry(_ key: String) -> Entry? {
        guard case .object(let entries) = content else { return nil }
        return entries.first { $0.key == key }
    }
}

extension SourceValue {
    init(_ json: JSONValue, pointer: String = "") {
        place = .pointer(pointer)
        switch json {
        case .null: content = .null
        case .bool(let flag): content = .bool(flag)
        case .number(let number): content = .number(number, text: json.canonicalText)
        case .string(let text): content = .string(text)
        case .array(let items):
            content = .array(items.enumerated().map { SourceValue($1, pointer: "\(pointer)/\($0)") })
        case .object(let members):
            // Sorted, so that problems come in one order whatever the dictionary's is.
            let entries: [Entry] = members.sorted { $0.key < $1.key }.map { key, member in
                let memberPointer: String = pointer + "/" + escapedForPointer(key)
                return Entry(
                    key: key, keyPlace: .pointer(memberPointer), value: SourceValue(member, pointer: memberPointer))
            }
            content = .object(entries)
        }
    }
}

/// A key as a token of a JSON Pointer (RFC 6901).
func escapedForPointer(_ key: String) -> String {
    guard key.utf8.contains(where: { $0 == UInt8(ascii: "~") || $0 == UInt8(ascii: "/") }) else { return key }
    var escaped = ""
    for scalar in key.unicodeScalars {
        switch scalar {
        case "~": escaped += "~0"
        case "/": escaped += "~1"
        default: escaped.unicodeScalars.append(scalar)
        }
    }
    return escaped
}

extension SourceValue {
    /// A YAML node with its plain scalars resolved; duplicate keys and keys that are no scalars go to `problems`.
    init(_ node: Node, problems: inout [Problem]) {
        place = .mark(node.mark)
        switch node {
        case .scalar(let text, let isPlain, _):
            content = isPlain ? YAMLScalar.resolve(text) : .string(text)
        case .sequence(let items, _):
            var values: [SourceValue] = []
            for item in items { values.append(SourceValue(item, problems: &problems)) }
            content = .array(values)
        case .mapping(let pairs, _):
            content = .object(Self.entries(pairs, problems: &problems))
        }
    }

    private static func entries(_ pairs: [(key: Node, value: Node)], problems: inout [Problem]) -> [Entry] {
        var entries: [Entry] = []
        var lines: [String: Int] = [:]
        for (key, node) in pairs {
            let value = SourceValue(node, problems: &problems)
            let place = Place.mark(key.mark)
            guard case .scalar(let text, _, let mark) = key else {
                problems.append(Problem(place: place, message: "a key must be a plain text"))
                continue
            }
            if let line = lines[text] {
                problems.append(Problem(place: place, message: "duplicate key \(quoted(text)), first in line \(line)"))
                continue
            }
            lines[text] = mark.line
            entries.append(Entry(key: text, keyPlace: place, value: value))
        }
        return entries
    }
}
