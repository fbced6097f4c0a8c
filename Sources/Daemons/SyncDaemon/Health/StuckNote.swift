import Glibc
import Runtime
package import Telemetry

/// What a process that ended because a run hung leaves for the next one to report: it could not write a report itself.
package struct StuckNote: Sendable {
    private let path: String

    package init(directory: StateDirectory) { path = directory.file("stuck") }

    package func leave(at now: Timestamp) { try? Files.write("\(now.rfc3339)\n".utf8, to: path, mode: 0o600) }

    /// When the process before this one ended so; nil where it did not. Once.
    package func take() -> String? {
        guard let text = try? Files.text(path) else { return nil }
        unlink(path)
        return String(text.prefix { !$0.isNewline })
    }
}
