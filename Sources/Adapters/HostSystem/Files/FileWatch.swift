import Glibc
package import Runtime
package import Telemetry

/// What tells one content of a file from the next without reading it, and who owns it.
package struct FileStamp: Hashable, Sendable {
    package var device: UInt64
    package var inode: UInt64
    package var size: Int64
    /// When the content changed last.
    package var modifiedAt: Timestamp
    /// When content, owner or name changed last; nobody can set it.
    package var changedAt: Timestamp
    package var owner: UInt32

    /// The stamp of the file at `path`; throws where there is none.
    package init(of path: String) throws(FileError) {
        var answer = stat()
        guard look(at: path, &answer) == 0 else { throw FileError.last("look at", path) }
        device = UInt64(answer.st_dev)
        inode = UInt64(answer.st_ino)
        size = Int64(answer.st_size)
        modifiedAt = Timestamp(answer.st_mtim)
        changedAt = Timestamp(answer.st_ctim)
        owner = UInt32(answer.st_uid)
    }

    /// The owner's login name, or `uid 1234` where the system does not know one.
    package var ownerName: String { userName(owner) ?? "uid \(owner)" }
}

/// stat(2). To pass a string to C as it is makes a copy of it on the heap.
func look(at path: String, _ answer: inout stat) -> Int32 { path.withCString { stat($0, &answer) } }

/// The login name of a user id; nil where the system does not know one.
package func userName(_ id: UInt32) -> String? {
    var entry = passwd()
    var found: UnsafeMutablePointer<passwd>?
    var buffer = [CChar](repeating: 0, count: 16 << 10)
    let status: Int32 = getpwuid_r(uid_t(id), &entry, &buffer, buffer.count, &found)
    guard status == 0, found != nil, let name = entry.pw_name else { return nil }
    return String(cString: name)
}

/// The user that this process runs as.
package func currentUserID() -> UInt32 { UInt32(geteuid()) }

/// Watches one file by looking at its stamp a few times a second.
///
/// Looking costs a system call and sees every way to change a file: written in place, renamed over, removed, made anew,
/// on any file system. inotify sees inodes and not names, has to be set up again after each rename, and is silent on
/// network file systems.
package struct FileWatch: Sendable {
    private let path: String
    private var last: FileStamp?
    private var mayChangeUnseen = true

    /// How long a file counts as just changed: longer than the tick of any kernel's file times (10 ms at most), so that
    /// two writes of equal length within one tick are both seen.
    private static let fresh = PromDuration.milliseconds(100)

    /// Of a file that had the stamp `known`.
    package init(path: String, since known: FileStamp?) {
        self.path = path
        last = known
    }

    /// Whether the file may have changed since it was asked before; true the first time. What is there then is for the
    /// caller to read: it means "look", not "changed".
    package mutating func mayHaveChanged(now: Timestamp) -> Bool {
        let stamp: FileStamp? = try? FileStamp(of: path)
        guard stamp != last || mayChangeUnseen else { return false }
        // The stamp is taken before the content is read: a write in between is seen at the next look.
        mayChangeUnseen = stamp.map { now - $0.changedAt < Self.fresh } ?? false
        last = stamp
        return true
    }
}

extension Timestamp {
    fileprivate init(_ time: timespec) {
        self.init(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
    }
}
