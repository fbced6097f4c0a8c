package import Telemetry

/// Where an agent reads log lines from, and how it understands them: files, the journal, or the logs of containers.
package struct LogSourceSpec: Hashable, Sendable {
    /// Shell globs of absolute paths. `*` and `?` match within one name, `**` any number of folders.
    package var files: [String]
    /// Globs of paths that are left out, in the same form.
    package var exclude: [String]
    /// Globs of systemd units whose entries of the journal are read.
    package var journal: [String]
    /// Globs of names of containers whose output is read.
    package var containers: [String]
    package var parser: Parser
    /// Which lines belong together; nil: each is an entry of its own.
    package var multiline: Multiline?
    /// Where to begin in what is there when the source is first obeyed on a host.
    package var from: Start
    /// Bytes of a line that are kept; the rest of a longer one is cut off.
    package var maxLineBytes: Int
    package var hosts: HostSelector
    /// A file that several LogSources name is read by the one with the highest priority, then the name that sorts first.
    package var priority: Int
    /// Labels added to every line.
    package var labels: [String: String]

    package enum Parser: String, CaseIterable, Hashable, Sendable {
        /// Whichever of the others a line has the form of, line by line.
        case auto
        case json, logfmt, syslog, access, klog, plain
    }

    package enum Start: String, CaseIterable, Hashable, Sendable { case beginning, end }

    /// How lines are joined into one entry.
    package struct Multiline: Hashable, Sendable {
        package var rule: Rule
        /// An entry is closed when it has so many lines.
        package var maxLines: Int
        /// The last entry of a file is closed when nothing came for so long.
        package var wait: PromDuration

        package enum Rule: Hashable, Sendable {
            /// A regular expression: an entry begins with a line in which it matches.
            case start(String)
            /// Stack traces of the usual languages, and indented lines.
            case stacktrace
        }

        package init(_ rule: Rule, maxLines: Int = usualLines, wait: PromDuration = .seconds(1)) {
            self.rule = rule
            self.maxLines = maxLines
            self.wait = wait
        }

        package static let usualLines = 500
    }

    package init(
        files: [String] = [], exclude: [String] = [], journal: [String] = [], containers: [String] = [],
        parser: Parser = .auto, multiline: Multiline? = nil, from: Start = .beginning,
        maxLineBytes: Int = LogSourceSpec.usualLineBytes, hosts: HostSelector = .all, priority: Int = 0,
        labels: [String: String] = [:]
    ) {
        self.files = files
        self.exclude = exclude
        self.journal = journal
        self.containers = containers
        self.parser = parser
        self.multiline = multiline
        self.from = from
        self.maxLineBytes = maxLineBytes
        self.hosts = hosts
        self.priority = priority
        self.labels = labels
    }

    package static let usualLineBytes = 4096
}
