/// The labels of a series, sorted by name, each name once. Empty values are the same as absent and are dropped, as in
/// Prometheus' data model. The metric's name is not among them.
package struct Labels: Hashable, Sendable {
    /// Pairs in order of name.
    package let pairs: [Pair]

    package struct Pair: Hashable, Sendable {
        package var name: String
        package var value: String

        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    package static let none = Labels([:])

    package init(_ dictionary: [String: String]) {
        pairs = dictionary.filter { !$0.value.isEmpty }.map { Pair($0.key, $0.value) }.sorted { $0.name < $1.name }
    }

    /// Adopts pairs that are sorted by name, unique and without empty values.
    package init(sorted pairs: [Pair]) {
        assert(zip(pairs, pairs.dropFirst()).allSatisfy { $0.name < $1.name } && pairs.allSatisfy { !$0.value.isEmpty })
        self.pairs = pairs
    }

    package subscript(name: String) -> String? { pairs.first { $0.name == name }?.value }

    package var dictionary: [String: String] { Dictionary(uniqueKeysWithValues: pairs.map { ($0.name, $0.value) }) }
    package var isEmpty: Bool { pairs.isEmpty }

    /// These labels with `name` set to `value`; an empty value removes it.
    package func setting(_ name: String, to value: String) -> Labels {
        var changed: [Pair] = pairs.filter { $0.name != name }
        guard !value.isEmpty else { return Labels(sorted: changed) }
        changed.insert(Pair(name, value), at: changed.firstIndex { $0.name > name } ?? changed.count)
        return Labels(sorted: changed)
    }

    package func removing(_ names: Set<String>) -> Labels {
        Labels(sorted: pairs.filter { !names.contains($0.name) })
    }
    package func keeping(_ names: Set<String>) -> Labels {
        Labels(sorted: pairs.filter { names.contains($0.name) })
    }
}

extension Labels: ExpressibleByDictionaryLiteral {
    package init(dictionaryLiteral elements: (String, String)...) {
        self.init(Dictionary(elements) { _, last in last })
    }
}

extension Labels: Comparable {
    package static func < (left: Labels, right: Labels) -> Bool {
        left.pairs.lexicographicallyPrecedes(right.pairs) {
            $0.name != $1.name ? $0.name < $1.name : $0.value < $1.value
        }
    }
}

extension Labels: CustomStringConvertible {
    /// Prometheus' text form: `{cpu="0",mode="idle"}`, with `\`, `"` and line feeds escaped; empty where there is none.
    package var description: String {
        guard !isEmpty else { return "" }
        return "{" + pairs.map { "\($0.name)=\"\(escaped($0.value))\"" }.joined(separator: ",") + "}"
    }
}

private func escaped(_ value: String) -> String {
    var text = ""
    for character in value.unicodeScalars {
        switch character {
        case "\\": text += "\\\\"
        case "\"": text += "\\\""
        case "\n": text += "\\n"
        default: text.unicodeScalars.append(character)
        }
    }
    return text
}
