package import Runtime

/// What collectors see of the host: three reads, so that tests can stand in for a kernel.
///
/// All three block. ``space(ofFileSystemAt:)`` may block for ever (a dead NFS server); collectors call it through
/// ``MountProbes`` only.
package protocol HostFiles: Sendable {
    /// The whole content of a file, at most ``HostFilesLimit/fileBytes`` of it.
    func read(_ path: String) throws(FileError) -> [UInt8]
    /// The names in a folder, without `.` and `..`, in any order.
    func list(_ path: String) throws(FileError) -> [String]
    /// How large and how full the file system is that `path` lies on.
    func space(ofFileSystemAt path: String) throws(FileError) -> FileSystemSpace
}

package enum HostFilesLimit {
    /// The line of interrupts in `/proc/stat` grows with the machine: 200 kB were seen with 512 processors.
    package static let fileBytes = 4 << 20
}

/// The answer of `statvfs`, in bytes and file nodes.
package struct FileSystemSpace: Hashable, Sendable {
    package var size: Double
    package var free: Double
    /// Free to everybody; less than `free` by what is reserved for root.
    package var available: Double
    package var files: Double
    package var filesFree: Double

    package init(size: Double, free: Double, available: Double, files: Double, filesFree: Double) {
        self.size = size
        self.free = free
        self.available = available
        self.files = files
        self.filesFree = filesFree
    }
}
