import CKernelClock
import Glibc
package import Runtime
package import Telemetry

/// The running kernel's files, or a recorded tree of them.
package struct LinuxHostFiles: HostFiles {
    private let root: String

    /// `root` is put before every path: a folder that holds `proc` and `sys` of another host, or nothing.
    package init(root: String = "") { self.root = root }

    package func read(_ path: String) throws(FileError) -> [UInt8] {
        let descriptor: Int32 = open(root + path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError.last("read", path) }
        defer { close(descriptor) }
        var capacity: Int = 4 << 10
        var content: [UInt8] = []
        while true {
            // Files of /proc say nothing of their size. Most fit; where one does not, the rest is read in larger parts.
            var failure: Int32 = 0
            let part = [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
                while count < capacity {
                    let got: Int = Glibc.read(descriptor, buffer.baseAddress?.advanced(by: count), capacity - count)
                    if got < 0, errno == EINTR { continue }
                    if got < 0 { failure = errno }
                    if got <= 0 { return }
                    count += got
                }
            }
            guard failure == 0 else {
                throw FileError(
                    path: path, operation: "read", reason: String(cString: strerror(failure)), code: failure)
            }
            if content.isEmpty { content = part } else { content += part }
            guard part.count == capacity else { return content }
            guard content.count <= HostFilesLimit.fileBytes else {
                throw FileError(
                    path: path, operation: "read", reason: "it is larger than \(HostFilesLimit.fileBytes) bytes")
            }
            capacity = min(capacity * 4, 256 << 10)
        }
    }

    package func list(_ path: String) throws(FileError) -> [String] {
        guard let folder = opendir(root + path) else { throw FileError.last("list", path) }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name: String = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    package func realPath(_ path: String) throws(FileError) -> String {
        guard let answer = realpath(root + path, nil) else { throw FileError.last("follow", path) }
        defer { free(answer) }
        return String(cString: answer)
    }

    package func modificationTime(ofFileAt path: String) throws(FileError) -> Timestamp {
        try FileStamp(of: root + path).modifiedAt
    }

    package func space(ofFileSystemAt path: String) throws(FileError) -> FileSystemSpace {
        var answer = statvfs()
        guard statvfs(root + path, &answer) == 0 else { throw FileError.last("stat the file system at", path) }
        let block = Double(answer.f_frsize)
        return FileSystemSpace(
            size: Double(answer.f_blocks) * block, free: Double(answer.f_bfree) * block,
            available: Double(answer.f_bavail) * block, files: Double(answer.f_files),
            filesFree: Double(answer.f_ffree))
    }

    package func clockState() throws(FileError) -> KernelClock { try LinuxClock.state() }
}

private enum LinuxClock {
    static func state() throws(FileError) -> KernelClock {
        // All zero: nothing is set, everything is told, and no right is needed for that.
        var answer = timex()
        let state: Int32 = adjtimex(&answer)
        guard state >= 0 else { throw FileError.last("read", "the kernel's clock") }
        var clock = KernelClock(
            state: Int(state), status: Int(answer.status), offset: Int(answer.offset), frequency: Int(answer.freq),
            maximumError: Int(answer.maxerror), estimatedError: Int(answer.esterror),
            loopTimeConstant: Int(answer.constant), tick: Int(answer.tick), taiOffset: Int(answer.tai))
        clock.pps.frequency = Int(answer.ppsfreq)
        clock.pps.jitter = Int(answer.jitter)
        clock.pps.shift = Int(answer.shift)
        clock.pps.stability = Int(answer.stabil)
        clock.pps.jitterCount = Int(answer.jitcnt)
        clock.pps.calibrationCount = Int(answer.calcnt)
        clock.pps.errorCount = Int(answer.errcnt)
        clock.pps.stabilityExceededCount = Int(answer.stbcnt)
        return clock
    }
}
