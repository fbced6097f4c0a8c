import Dispatch
import Glibc
import HostSystem
import Runtime
import Synchronization
import Telemetry

/// A host whose files are texts: what collectors see in tests.
final class RecordedHostFiles: HostFiles {
    private let files: Mutex<[String: [UInt8]]>
    private let spaces: [String: FileSystemSpace]
    /// Mounts that do not answer until ``release()``.
    private let hungMounts: Set<String>
    private let gate = DispatchSemaphore(value: 0)
    let questions = Mutex<[String]>([])
    private let clock: KernelClock?

    init(
        _ files: [String: String], spaces: [String: FileSystemSpace] = [:], hungMounts: Set<String> = [],
        clock: KernelClock? = nil
    ) {
        self.clock = clock
        self.files = Mutex(files.mapValues { Array($0.utf8) })
        self.spaces = spaces
        self.hungMounts = hungMounts
    }

    func set(_ path: String, _ content: String) { files.withLock { $0[path] = Array(content.utf8) } }
    func set(_ path: String, bytes: [UInt8]) { files.withLock { $0[path] = bytes } }

    /// Becomes another host.
    func replace(by other: RecordedHostFiles) {
        let content: [String: [UInt8]] = other.files.withLock { $0 }
        files.withLock { $0 = content }
    }

    /// Lets all hung mounts answer, from now on.
    func release() { gate.signal() }

    func read(_ path: String) throws(FileError) -> [UInt8] {
        guard let content = files.withLock({ $0[path] }) else { throw missing("read", path) }
        return content
    }

    /// The names below a folder are those that the files' paths have there.
    func list(_ path: String) throws(FileError) -> [String] {
        let names: [Substring] = files.withLock { files in
            files.keys.filter { $0.hasPrefix(path + "/") }.compactMap {
                $0.dropFirst(path.utf8.count + 1).split(separator: "/").first
            }
        }
        guard !names.isEmpty else { throw missing("list", path) }
        return Set(names).map(String.init)
    }

    func clockState() throws(FileError) -> KernelClock {
        guard let clock else { throw missing("read", "the kernel's clock") }
        return clock
    }

    func space(ofFileSystemAt path: String) throws(FileError) -> FileSystemSpace {
        questions.withLock { $0.append(path) }
        if hungMounts.contains(path) {
            gate.wait()
            gate.signal()
        }
        guard let space = spaces[path] else { throw missing("stat the file system at", path) }
        return space
    }

    private func missing(_ operation: String, _ path: String) -> FileError {
        FileError(path: path, operation: operation, reason: "No such file or directory", code: ENOENT)
    }
}

extension Collected {
    /// Measurements as the text that a scrape would show, sorted.
    var lines: [String] { measurements.map { "\($0.series) \($0.value)" }.sorted() }

    subscript(series: String) -> Double? { measurements.first { $0.series.description == series }?.value }
}

func dependencies(_ files: RecordedHostFiles, mountTimeout: Duration = .seconds(5)) -> CollectorDependencies {
    CollectorDependencies(files: files, clock: ContinuousClock(), mountTimeout: mountTimeout)
}

/// A folder of its own that goes away with the test.
func withTemporaryFolder<Result>(_ body: (String) async throws -> Result) async throws -> Result {
    var template: [CChar] = Array("/tmp/plumb-host-XXXXXX".utf8CString)
    guard let made = mkdtemp(&template) else {
        throw FileError(path: "/tmp", operation: "make a folder in", reason: "?")
    }
    let folder = String(cString: made)
    defer {
        for name in (try? LinuxHostFiles().list(folder)) ?? [] { unlink("\(folder)/\(name)") }
        rmdir(folder)
    }
    return try await body(folder)
}
