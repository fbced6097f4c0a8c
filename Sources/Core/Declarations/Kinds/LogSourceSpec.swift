/// Which files an agent reads log lines from, and how it understands them.
package struct LogSourceSpec: Hashable, Sendable {
    /// Shell globs of absolute paths. `*` and `?` match within one name, `**` any number of folders.
    package var files: [String]
    /// Globs of paths that are left out, in the same form.
    package var exclude: [String]
    package var parser: Parser
    /// Where to begin in files that are there when the source is first obeyed on a host.
    package var from: Start
    /// Bytes of a line that are kept; the rest of a longer one is cut off.
    package var maxLineBytes: Int
    package var hosts: HostSelector
    /// A file that several LogSources name is read by the one with the highest priority, then the name that sorts first.
    package var priority: Int
    /// Labels added to every line.
    package var labels: [String: String]

    package enum Parser: String, CaseIterable, Hashable, Sendable {
        /// JSON, logfmt or plain, line by line.
        case auto
        case json, logfmt, plain
    }

    package enum Start: String, CaseIterable, Hashable, Sendable { case beginning, end }

    package init(
        files: [String], exclude: [String] = [], parser: Parser = .auto, from: Start = .beginning,
        maxLineBytes: Int = LogSourceSpec.usualLineBytes, hosts: HostSelector = .all, priority: Int = 0,
        labels: [String: String] = [:]
    ) {
        self.files = files
        self.exclude = exclude
        self.parser = parser
        self.from = from
        self.maxLineBytes = maxLineBytes
        self.hosts = hosts
        self.priority = priority
        self.labels = labels
    }

    package static let usualLineBytes = 4096
}
