import Glibc
package import Runtime
package import Telemetry

/// An open file that lines are read from. It stays the same file while others rename, remove or truncate it.
package final class LogFile {
    /// SEEK_DATA, which the C library's header hides.
    private static let seekData: Int32 = 3

    private let descriptor: Int32
    /// The path under which it was opened.
    package let path: String

    /// What the file is like now.
    package struct Stamp: Hashable, Sendable {
        package var identity: FileIdentity
        package var size: Int
        package var modifiedAt: Timestamp
        /// Whether it has a name any more.
        package var isRemoved: Bool
    }

    /// Opens a regular file; throws for anything else, without waiting for what a pipe may bring.
    package init(_ path: String) throws(FileError) {
        self.path = path
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { throw FileError.last("read", path) }
        var answer = stat()
        guard fstat(descriptor, &answer) == 0, answer.st_mode & S_IFMT == S_IFREG else {
            // The descriptor is closed by deinit, which runs for a class whose members are all there.
            throw FileError(path: path, operation: "read", reason: "it is no regular file")
        }
    }

    deinit { close(descriptor) }

    package func stamp() throws(FileError) -> Stamp {
        var answer = stat()
        guard fstat(descriptor, &answer) == 0 else { throw FileError.last("look at", path) }
        return Stamp(
            identity: FileIdentity(answer), size: Int(answer.st_size), modifiedAt: modificationTime(answer),
            isRemoved: answer.st_nlink == 0)
    }

    /// Where data begin at or behind `offset`, which is there itself where the file system does not say; nil where only a
    /// hole is left.
    package func dataStart(from offset: Int) throws(FileError) -> Int? {
        let place: off_t = lseek(descriptor, off_t(offset), Self.seekData)
        guard place < 0 else { return Int(place) }
        return errno == ENXIO ? nil : offset
    }

    /// Up to `count` bytes from `offset` on; fewer only at the end of the file.
    package func read(at offset: Int, count: Int) throws(FileError) -> [UInt8] {
        var failure: FileError?
        // Not filled with zeros: most of it is seldom needed.
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let got: Int = pread(
                    descriptor, buffer.baseAddress?.advanced(by: filled), count - filled, off_t(offset + filled))
                if got < 0, errno == EINTR { continue }
                if got < 0 { failure = FileError.last("read", path) }
                if got <= 0 { return }
                filled += got
            }
        }
        if let failure { throw failure }
        return bytes
    }
}

/// What makes a file the same file while it exists: its file system and its number there. Numbers are used again once a
/// file is gone.
package struct FileIdentity: Hashable, Sendable {
    package var device: UInt64
    package var inode: UInt64

    package init(device: UInt64, inode: UInt64) {
        self.device = device
        self.inode = inode
    }

    /// Whether its file system is one of a disk. Those of a network, of programs and of memory have devices with the major
    /// number 0 (makedev(3)).
    package var isOnDisk: Bool { device >> 8 & 0xFFF | device >> 32 & ~0xFFF != 0 }

    init(_ answer: stat) {
        device = UInt64(answer.st_dev)
        inode = UInt64(answer.st_ino)
    }

    /// Of what a path leads to; nil where that is nothing.
    package init?(of path: String) {
        var answer = stat()
        guard look(at: path, &answer) == 0 else { return nil }
        self.init(answer)
    }
}

/// A regular file that a path leads to, also by a symbolic link.
package struct FoundFile: Hashable, Sendable {
    package var path: String
    package var identity: FileIdentity
    package var size: Int
    package var modifiedAt: Timestamp

    /// Nil where there is none, or it is no regular file.
    package init?(_ path: String) {
        var answer = stat()
        guard look(at: path, &answer) == 0, answer.st_mode & S_IFMT == S_IFREG else { return nil }
        self.path = path
        identity = FileIdentity(answer)
        size = Int(answer.st_size)
        modifiedAt = modificationTime(answer)
    }
}

/// What tells whether another list of names would be the same: which folder a path leads to, and when its names changed.
package struct FolderStamp: Hashable, Sendable {
    package var identity: FileIdentity
    package var changedAt: Timestamp

    /// Nil where there is no folder.
    package init?(_ path: String) {
        var answer = stat()
        guard look(at: path, &answer) == 0, answer.st_mode & S_IFMT == S_IFDIR else { return nil }
        identity = FileIdentity(answer)
        changedAt = modificationTime(answer)
    }
}

/// When a folder's list of names changed last; nil where there is none.
package func changeTime(ofFolder path: String) -> Timestamp? {
    var answer = stat()
    guard look(at: path, &answer) == 0 else { return nil }
    return modificationTime(answer)
}

private func modificationTime(_ answer: stat) -> Timestamp {
    Timestamp(microseconds: Int64(answer.st_mtim.tv_sec) * 1_000_000 + Int64(answer.st_mtim.tv_nsec) / 1000)
}
