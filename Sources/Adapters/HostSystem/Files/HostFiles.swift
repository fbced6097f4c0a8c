package import Runtime
package import Telemetry

/// What collectors see of the host: a few reads, so that tests can stand in for a kernel.
///
/// All block. ``space(ofFileSystemAt:)`` may block for ever (a dead NFS server); collectors call it through
/// ``MountProbes`` only.
package protocol HostFiles: Sendable {
    /// The whole content of a file, at most ``HostFilesLimit/fileBytes`` of it.
    func read(_ path: String) throws(FileError) -> [UInt8]
    /// The names in a folder, without `.` and `..`, in any order.
    func list(_ path: String) throws(FileError) -> [String]
    /// Where a path leads when all symbolic links on it are followed.
    func realPath(_ path: String) throws(FileError) -> String
    /// When the content of a file changed last.
    func modificationTime(ofFileAt path: String) throws(FileError) -> Timestamp
    /// How large and how full the file system is that `path` lies on.
    func space(ofFileSystemAt path: String) throws(FileError) -> FileSystemSpace
    /// What the kernel knows of its clock.
    func clockState() throws(FileError) -> KernelClock
}

extension HostFiles {
    package func realPath(_ path: String) throws(FileError) -> String { path }

    package func modificationTime(ofFileAt path: String) throws(FileError) -> Timestamp {
        throw FileError(path: path, operation: "look at", reason: "it is not there")
    }

    package func clockState() throws(FileError) -> KernelClock {
        throw FileError(path: "the kernel's clock", operation: "read", reason: "it is not there")
    }
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

/// The answer of `adjtimex`, as the kernel gives it.
package struct KernelClock: Hashable, Sendable {
    /// 5 (`TIME_ERROR`) while the clock is not synchronised.
    package var state: Int
    package var status: Int
    /// In nanoseconds with status bit 0x2000, else in microseconds.
    package var offset: Int
    /// In units of 2^-16 parts per million.
    package var frequency: Int
    /// In microseconds.
    package var maximumError: Int
    package var estimatedError: Int
    package var loopTimeConstant: Int
    /// Microseconds between two ticks.
    package var tick: Int
    /// Seconds that TAI is ahead of UTC.
    package var taiOffset: Int
    package var pps = PulsePerSecond()

    /// What the kernel measures of a pulse-per-second source.
    package struct PulsePerSecond: Hashable, Sendable {
        package var frequency = 0
        package var jitter = 0
        package var shift = 0
        package var stability = 0
        package var jitterCount = 0
        package var calibrationCount = 0
        package var errorCount = 0
        package var stabilityExceededCount = 0

        package init() {}
    }

    package init(
        state: Int, status: Int, offset: Int, frequency: Int, maximumError: Int, estimatedError: Int,
        loopTimeConstant: Int, tick: Int, taiOffset: Int
    ) {
        self.state = state
        self.status = status
        self.offset = offset
        self.frequency = frequency
        self.maximumError = maximumError
        self.estimatedError = estimatedError
        self.loopTimeConstant = loopTimeConstant
        self.tick = tick
        self.taiOffset = taiOffset
    }
}
