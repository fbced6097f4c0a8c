extension JSONValue {
    /// JSON for people: two spaces a level, keys sorted, empty collections on one line, a line feed at the end.
    package var indented: String {
        var text = ""
        write(to: &text, indentation: "")
        return text + "\n"
    }

    private func write(to text: inout String, indentation: String) {
        let inner: String = indentation + "  "
        switch self {
        case .array(let items) where !items.isEmpty:
            for (index, item) in items.enumerated() {
                text += (index == 0 ? "[\n" : ",\n") + inner
                item.write(to: &text, indentation: inner)
            }
            text += "\n" + indentation + "]"
        case .object(let members) where !members.isEmpty:
            let keys: [String] = members.keys.sorted { $0.utf16.lexicographicallyPrecedes($1.utf16) }
            for (index, key) in keys.enumerated() {
                text += (index == 0 ? "{\n" : ",\n") + inner + JSONValue.string(key).canonicalText + ": "
                members[key]?.write(to: &text, indentation: inner)
            }
            text += "\n" + indentation + "}"
        case .null, .bool, .number, .string, .array, .object: text += canonicalText
        }
    }
}
