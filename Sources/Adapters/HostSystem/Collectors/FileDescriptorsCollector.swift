import Runtime
import Telemetry

/// `/proc/sys/fs/file-nr`: how many files are open on the host, and how many may be.
struct FileDescriptorsCollector: HostCollector {
    let name = "filefd"
    let exclusion: Exclusion
    private static let path = "/proc/sys/fs/file-nr"
    private let files: any HostFiles

    init(files: any HostFiles, exclusion: Exclusion) {
        self.files = files
        self.exclusion = exclusion
    }

    mutating func collect(into collected: inout Collected) async {
        guard let content = content(Self.path, files, &collected) else { return }
        // The second number is always zero.
        var parts = Fields(content[...].trimmed)
        guard let allocated = parts.nextCounter(), parts.next() != nil, let maximum = parts.nextCounter() else {
            collected.problems.append("\(Self.path): expected three numbers, got \(quoted(content[...].trimmed))")
            return
        }
        collected.add("node_filefd_allocated", Double(allocated))
        collected.add("node_filefd_maximum", Double(maximum))
    }
}
