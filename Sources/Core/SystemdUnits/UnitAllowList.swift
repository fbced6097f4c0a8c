package import Declarations

/// Which units git may declare, by name or shell glob. gitops-sync refuses commits by its list; the helper that does
/// the work has one of its own, so that what gitops-sync believes does not matter.
package struct UnitAllowList: Hashable, Sendable {
    package let patterns: [String]
    private let globs: [Glob]

    package init(_ patterns: [String]) {
        self.patterns = patterns
        globs = patterns.map { Glob($0) }
    }

    /// The units that are shipped with Plumbline.
    package static let standard = UnitAllowList(["plumb-*", "gitops-sync.*", "gitops-sync-once.*", "reading-sync.*"])

    /// The units of the helper. No list allows them: who could change the helper could change what it enforces.
    private static let helper = "plumb-unit-helper"

    /// Never a name that is none: `plumb-unit-.service` is no unit, and what is set for it counts for the helper too.
    package func allows(_ unit: String) -> Bool {
        UnitSpec.isValidUnit(unit) && !unit.hasPrefix(Self.helper) && globs.contains { $0.matches(unit) }
    }

    /// Reads patterns that are parted by commas, blanks or line ends; `#` begins a comment.
    package init(parsing text: String) {
        let lines = text.split(separator: "\n").map { $0.prefix { $0 != "#" } }
        self.init(lines.flatMap { line in line.split { ", \t\r".contains($0) }.map(String.init) })
    }

    /// What is wrong with declaring a unit that the list does not have.
    package func problems(with resources: some Sequence<Declaration>) -> [Diagnostic] {
        resources.compactMap { declared in
            guard declared.key.kind == .unit, case .unit(let spec) = declared.typedSpec, !allows(spec.unit) else {
                return nil
            }
            return Diagnostic(
                file: declared.file, mark: declared.mark,
                message: "\(declared.key): \(spec.unit) is not among the units that may be declared "
                    + "(units.allow in the bootstrap config: \(patterns.joined(separator: ", ")))")
        }.sorted()
    }
}
