/// A `.plumbignore`: patterns in the syntax of gitignore(5), relative to the file's folder.
package struct IgnoreRules: Sendable {
    private let rules: [Rule]

    private struct Rule {
        let components: [Component]
        let isNegated: Bool
        let onlyFolders: Bool

        func matches(_ path: ArraySlice<Substring>) -> Bool {
            matchesWithStars(components, isStar: \.isAnyFolders, Array(path)) { component, name in
                if case .named(let glob) = component { glob.matches(name) } else { true }
            }
        }
    }

    private enum Component: Sendable {
        /// `**`
        case anyFolders
        case named(Glob)

        var isAnyFolders: Bool { if case .anyFolders = self { true } else { false } }
    }

    /// Lines that are no pattern (blank, comments, malformed globs) ignore nothing, as in git.
    package init(_ text: String) {
        rules = text.utf8.split(separator: UInt8(ascii: "\n")).compactMap {
            Self.rule(String(decoding: $0, as: UTF8.self))
        }
    }

    /// Whether the file at `path` is ignored: by the last pattern that matches it, or because one of its folders is.
    /// What lies in an ignored folder cannot be taken back by `!`.
    package func ignores(_ path: some StringProtocol) -> Bool {
        guard !rules.isEmpty else { return false }
        let components: [Substring] = Substring(path).split(separator: "/")
        for count in components.indices.map({ $0 + 1 }) {
            let isFolder: Bool = count < components.count
            let last: Rule? = rules.last { rule in
                (isFolder || !rule.onlyFolders) && rule.matches(components[..<count])
            }
            if let last, !last.isNegated { return true }
        }
        return false
    }

    private static func rule(_ line: String) -> Rule? {
        var pattern: Substring = withoutTrailingSpaces(line)
        guard !pattern.isEmpty, !pattern.hasPrefix("#") else { return nil }
        let isNegated: Bool = pattern.hasPrefix("!")
        if isNegated { pattern = pattern.dropFirst() }
        let onlyFolders: Bool = pattern.hasSuffix("/")
        if onlyFolders { pattern = pattern.dropLast() }
        // A slash anywhere but at the end ties the pattern to the file's folder.
        let isAnchored: Bool = pattern.contains("/")
        var components: [Component] = isAnchored ? [] : [.anyFolders]
        let parts: [Substring] = pattern.split(separator: "/")
        guard !parts.isEmpty else { return nil }
        for part in parts {
            if part == "**", isAnchored {
                components.append(.anyFolders)
            } else {
                guard Glob.objection(to: String(part)) == nil else { return nil }
                components.append(.named(Glob(String(part))))
            }
        }
        // A `**` at the end means what lies in the folder, not the folder.
        if components.last?.isAnyFolders == true { components.append(.named(Glob("*"))) }
        return Rule(components: components, isNegated: isNegated, onlyFolders: onlyFolders)
    }

    /// Trailing spaces mean nothing unless a backslash stands before them; so does a carriage return.
    private static func withoutTrailingSpaces(_ line: String) -> Substring {
        var rest = Substring(line.unicodeScalars.last == "\r" ? String(line.unicodeScalars.dropLast()) : line)
        while rest.hasSuffix(" "), !rest.hasSuffix("\\ ") { rest = rest.dropLast() }
        return rest
    }
}
