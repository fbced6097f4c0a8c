/// A shell glob over an absolute path: `*`, `?` and sets match within one name, `**` any number of folders, and a name
/// that begins with a dot is matched only by a pattern that begins with one.
package struct PathGlob: Hashable, Sendable {
    package enum Step: Hashable, Sendable {
        /// Any number of folders, none included.
        case anyFolders
        /// One name without a wildcard.
        case name(String)
        case glob(Glob, matchesHidden: Bool)

        package func matches(_ name: some StringProtocol) -> Bool {
            switch self {
            case .anyFolders: !name.hasPrefix(".")
            case .name(let expected): name == expected
            case .glob(let glob, let matchesHidden): (matchesHidden || !name.hasPrefix(".")) && glob.matches(name)
            }
        }
    }

    /// One per name of the path.
    package let steps: [Step]

    package init(_ pattern: String) {
        steps = pattern.split(separator: "/").map { part in
            if part == "**" { return .anyFolders }
            let glob = Glob(String(part))
            return glob.literal.map(Step.name) ?? .glob(glob, matchesHidden: part.hasPrefix("."))
        }
    }

    /// Whether a path is of the glob's form; here `**` stands for hidden folders too.
    package func matches(_ path: String) -> Bool {
        let names: [Substring] = path.split(separator: "/")
        return matchesWithStars(steps, isStar: { $0 == .anyFolders }, names) { $0.matches($1) }
    }
}
