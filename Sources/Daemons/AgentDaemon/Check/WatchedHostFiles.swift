import HostSystem
import Runtime
import Synchronization
import Telemetry

/// Reads what another reads, and remembers what it was refused.
final class WatchedHostFiles: HostFiles {
    private let files: any HostFiles
    private let refusals = Mutex<[FileError]>([])

    init(_ files: any HostFiles) { self.files = files }

    /// Where this user may not, each path once.
    var forbidden: [FileError] {
        refusals.withLock { all in
            var seen: Set<String> = []
            return all.filter { $0.isForbidden && seen.insert($0.path).inserted }
        }
    }

    private func watching<Value>(_ read: () throws(FileError) -> Value) throws(FileError) -> Value {
        do throws(FileError) { return try read() } catch {
            refusals.withLock { $0.append(error) }
            throw error
        }
    }

    func read(_ path: String) throws(FileError) -> [UInt8] {
        try watching { () throws(FileError) in try files.read(path) }
    }
    func list(_ path: String) throws(FileError) -> [String] {
        try watching { () throws(FileError) in try files.list(path) }
    }
    func realPath(_ path: String) throws(FileError) -> String {
        try watching { () throws(FileError) in try files.realPath(path) }
    }
    func modificationTime(ofFileAt path: String) throws(FileError) -> Timestamp {
        try watching { () throws(FileError) in try files.modificationTime(ofFileAt: path) }
    }
    func space(ofFileSystemAt path: String) throws(FileError) -> FileSystemSpace {
        try watching { () throws(FileError) in try files.space(ofFileSystemAt: path) }
    }
    func clockState() throws(FileError) -> KernelClock {
        try watching { () throws(FileError) in try files.clockState() }
    }
}
