import Glibc
import Runtime
import SyncDaemon

/// The disk of one machine. It outlives the daemon.
final class MemoryDisk {
    var files: [String: [UInt8]] = [:]
    /// What the state file held at times before, oldest first.
    var olderStates: [[UInt8]] = []
    /// Set by a defect: files are written in place, so that a crash leaves a part.
    var tearsFiles = false
    /// Set by a defect: what the state file is changed to before it is written.
    var spoil: ([UInt8]) -> [UInt8] = { $0 }
    /// Set by a defect: what people ordered is changed to this before it is written.
    var spoilOrders: ([UInt8]) -> [UInt8] = { $0 }
}

/// The state directory's files as one life of a daemon sees them. `@unchecked Sendable`: used on the simulation's
/// thread alone.
struct MemoryFiles: StateFiles, @unchecked Sendable {
    let disk: MemoryDisk
    let incarnation: Incarnation

    func createFolder(_ path: String) throws(FileError) {}

    func read(_ path: String, limit: Int) throws(FileError) -> [UInt8] {
        guard let bytes = disk.files[path] else { throw Self.error("read", path, ENOENT) }
        return bytes
    }

    func replace(_ path: String, with bytes: [UInt8], isLasting: Bool) throws(FileError) {
        let isState: Bool = path.hasSuffix("/state.json")
        let isOrders: Bool = path.hasSuffix("/enforcement.json")
        let written: [UInt8] = isState ? disk.spoil(bytes) : isOrders ? disk.spoilOrders(bytes) : bytes
        let wasAlive: Bool = !incarnation.isDead
        guard incarnation.step() else {
            if wasAlive, disk.tearsFiles { disk.files[path] = Array(written.prefix(written.count / 2)) }
            return
        }
        if isState, let old = disk.files[path] { disk.olderStates.append(old) }
        disk.files[path] = written
        incarnation.world.fileWritten(path, written, by: incarnation)
    }

    func create(_ path: String, with bytes: [UInt8]) throws(FileError) {
        guard disk.files[path] == nil else { throw Self.error("create", path, EEXIST) }
        guard incarnation.step() else { return }
        disk.files[path] = bytes
    }

    func write(_ bytes: [UInt8], to path: String, at offset: Int) throws(FileError) {
        let wasAlive: Bool = !incarnation.isDead
        let kept: ArraySlice<UInt8> = (disk.files[path] ?? []).prefix(offset)
        guard incarnation.step() else {
            // A crash while bytes are appended leaves some of them.
            if wasAlive { disk.files[path] = Array(kept) + bytes[..<(bytes.count / 2)] }
            return
        }
        disk.files[path] = Array(kept) + bytes
        incarnation.world.fileWritten(path, bytes, by: incarnation)
    }

    func size(of path: String) throws(FileError) -> Int { disk.files[path]?.count ?? 0 }

    func rename(_ path: String, to other: String) {
        guard incarnation.step() else { return }
        disk.files[other] = disk.files.removeValue(forKey: path)
    }

    private static func error(_ operation: String, _ path: String, _ code: Int32) -> FileError {
        FileError(path: path, operation: operation, reason: String(cString: strerror(code)), code: code)
    }
}
