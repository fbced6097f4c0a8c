import Glibc
package import Runtime

/// The few things that are done to files of the state directory. Handed in, so that a simulation can crash between any
/// two of them.
package protocol StateFiles: Sendable {
    /// Creates the folder and those above it that are missing, for its owner alone.
    func createFolder(_ path: String) throws(FileError)
    /// All bytes of a file of at most `limit` bytes.
    func read(_ path: String, limit: Int) throws(FileError) -> [UInt8]
    /// Replaces the file as a whole: readers see the old content or the new, also after a crash. When the machine fails
    /// right afterwards, the file may have neither, unless it `isLasting`.
    func replace(_ path: String, with bytes: [UInt8], isLasting: Bool) throws(FileError)
    /// Creates the file; fails with `EEXIST` where one is there already.
    func create(_ path: String, with bytes: [UInt8]) throws(FileError)
    /// Cuts the file off at `offset` and writes behind. A crash can leave a part of the bytes.
    func write(_ bytes: [UInt8], to path: String, at offset: Int) throws(FileError)
    /// In bytes; 0 where there is no file.
    func size(of path: String) throws(FileError) -> Int
    func rename(_ path: String, to other: String)
}

extension StateFiles {
    func replace(_ path: String, with bytes: [UInt8]) throws(FileError) {
        try replace(path, with: bytes, isLasting: true)
    }
}

/// The files of this machine.
package struct DiskFiles: StateFiles {
    package init() {}

    package func createFolder(_ path: String) throws(FileError) { try Files.createFolder(path, mode: 0o700) }

    package func read(_ path: String, limit: Int) throws(FileError) -> [UInt8] { try Files.read(path, limit: limit) }

    package func replace(_ path: String, with bytes: [UInt8], isLasting: Bool) throws(FileError) {
        try Files.write(bytes, to: path, mode: 0o600, isLasting: isLasting)
    }

    package func create(_ path: String, with bytes: [UInt8]) throws(FileError) {
        try Files.create(bytes, at: path, mode: 0o600)
    }

    package func write(_ bytes: [UInt8], to path: String, at offset: Int) throws(FileError) {
        let descriptor: Int32 = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Files.failure("write", path) }
        defer { close(descriptor) }
        guard ftruncate(descriptor, off_t(offset)) == 0 else { throw Files.failure("write", path) }
        var written = 0
        while written < bytes.count {
            let count: Int = bytes[written...].withUnsafeBytes {
                pwrite(descriptor, $0.baseAddress, $0.count, off_t(offset + written))
            }
            guard count >= 0 || errno == EINTR else { throw Files.failure("write", path) }
            written += max(0, count)
        }
    }

    package func size(of path: String) throws(FileError) -> Int {
        var status = stat()
        guard stat(path, &status) == 0 else {
            guard errno == ENOENT else { throw Files.failure("read", path) }
            return 0
        }
        return Int(status.st_size)
    }

    package func rename(_ path: String, to other: String) { Glibc.rename(path, other) }
}
