/// A regular expression in RE2's syntax that is matched in time linear in the text (Pike's simulation of a
/// nondeterministic automaton), so that no query can hang a server. Matching is anchored at both ends.
package struct Pattern: Sendable {
    private let program: PatternProgram
    /// The alternatives, where the pattern is only a list of words: `web-1|web-2`. Such patterns are most of all.
    private let words: Set<String>?
    package let captureNames: [String: Int]

    package init(_ text: String) throws(PatternError) {
        var parser = PatternParser(text)
        let tree: PatternTree = try parser.tree()
        program = try PatternProgram(tree, captures: parser.captureCount, text: text)
        captureNames = parser.captureNames
        words = Self.words(of: tree)
    }

    /// Whether the whole of `text` matches.
    package func matchesWhole(_ text: String) -> Bool {
        if let words { return words.contains(text) }
        return program.run(Array(text.unicodeScalars), wantsCaptures: false) != nil
    }

    /// What each group matched (the whole first), where the whole of `text` matches; nil for groups that took no part.
    package func captures(in text: String) -> [String?]? {
        let scalars: [Unicode.Scalar] = Array(text.unicodeScalars)
        guard let slots = program.run(scalars, wantsCaptures: true) else { return nil }
        return stride(from: 0, to: slots.count, by: 2).map { index in
            let start: Int = slots[index]
            let end: Int = slots[index + 1]
            guard start >= 0, end >= start else { return nil }
            return String(String.UnicodeScalarView(scalars[start..<end]))
        }
    }

    private static func words(of tree: PatternTree) -> Set<String>? {
        if case .choice(let branches) = tree {
            let words: [String] = branches.compactMap(word)
            return words.count == branches.count ? Set(words) : nil
        }
        return word(tree).map { [$0] }
    }

    private static func word(_ tree: PatternTree) -> String? {
        switch tree {
        case .empty: return ""
        case .set(let set):
            guard set.ranges.count == 1, set.ranges[0].count == 1, !set.isNegated, !set.ignoresCase,
                let scalar = Unicode.Scalar(set.ranges[0].lowerBound)
            else { return nil }
            return String(Character(scalar))
        case .sequence(let items):
            var text = String.UnicodeScalarView()
            for item in items {
                guard let word = word(item) else { return nil }
                text += word.unicodeScalars
            }
            return String(text)
        default: return nil
        }
    }
}
