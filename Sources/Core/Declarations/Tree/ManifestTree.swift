/// Which files of a commit's tree are manifests: every `*.yaml` and `*.yml` below the configured path, without names
/// that begin with a dot and without what `.plumbignore` at that path names.
package enum ManifestTree {
    package static let mostFiles = 10_000
    package static let mostBytesPerFile = 1 << 20
    package static let mostBytes = 64 << 20

    /// The file with ignore rules, below the configured path.
    package static let ignoreFile = ".plumbignore"

    /// A regular file of the tree. (Symbolic links and submodules are no files.)
    package struct File: Hashable, Sendable {
        /// From the repository's root, as git spells it.
        package var path: String
        package var bytes: Int

        package init(path: String, bytes: Int) {
            self.path = path
            self.bytes = bytes
        }
    }

    package struct Selection: Hashable, Sendable {
        /// Paths from the repository's root, sorted bytewise.
        package var manifests: [String]
        /// Limits that the tree exceeds.
        package var problems: [Diagnostic]
    }

    /// `root` is the configured path, empty for the whole repository; `ignore` the text of its `.plumbignore`.
    package static func select(_ files: some Sequence<File>, below root: String = "", ignore: String = "") -> Selection
    {
        let rules = IgnoreRules(ignore)
        let trimmedRoot: String = root.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
        let prefix: String = trimmedRoot.isEmpty ? "" : trimmedRoot + "/"
        var manifests: [File] = files.filter { file in
            guard file.path.hasPrefix(prefix) else { return false }
            let below: Substring = file.path.dropFirst(prefix.count)
            return isManifest(below) && !rules.ignores(below)
        }
        manifests.sort { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
        return Selection(manifests: manifests.map(\.path), problems: problems(manifests))
    }

    private static func isManifest(_ path: Substring) -> Bool {
        let names: [Substring] = path.split(separator: "/")
        guard let last = names.last, !names.contains(where: { $0.hasPrefix(".") }) else { return false }
        return last.hasSuffix(".yaml") || last.hasSuffix(".yml")
    }

    private static func problems(_ manifests: [File]) -> [Diagnostic] {
        var problems: [Diagnostic] = []
        let start = Mark(line: 1, column: 1)
        for file in manifests where file.bytes > mostBytesPerFile {
            problems.append(
                Diagnostic(
                    file: file.path, mark: start,
                    message: "the file has \(file.bytes) bytes; at most \(mostBytesPerFile) are read"))
        }
        var total = 0
        for (index, file) in manifests.enumerated() {
            let (sum, overflow) = total.addingReportingOverflow(file.bytes)
            total = overflow ? Int.max : sum
            guard index >= mostFiles || total > mostBytes else { continue }
            let limit: String = index >= mostFiles ? "\(mostFiles) files" : "\(mostBytes) bytes"
            problems.append(
                Diagnostic(
                    file: file.path, mark: start,
                    message: "from here on the tree has more than \(limit) of manifests; split it or use \(ignoreFile)")
            )
            break
        }
        return problems
    }
}
