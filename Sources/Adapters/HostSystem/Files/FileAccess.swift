import Glibc
package import Runtime

/// Who may read a file.
package struct FileAccess: Hashable, Sendable {
    package var owner: UInt32
    package var group: UInt32
    package var mode: UInt32

    /// Throws where the file cannot be looked at.
    package init(of path: String) throws(FileError) {
        var answer = stat()
        guard stat(path, &answer) == 0 else { throw FileError.last("look at", path) }
        owner = UInt32(answer.st_uid)
        group = UInt32(answer.st_gid)
        mode = UInt32(answer.st_mode) & 0o7777
    }

    package var isGroupReadable: Bool { mode & 0o040 != 0 }
    package var ownerName: String { userName(owner) ?? "uid \(owner)" }
    /// `0640`
    package var modeText: String {
        let digits: String = String(mode, radix: 8)
        return String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits
    }

    package var groupName: String {
        var entry = Glibc.group()
        var found: UnsafeMutablePointer<Glibc.group>?
        var buffer = [CChar](repeating: 0, count: 16 << 10)
        let status: Int32 = getgrgid_r(gid_t(group), &entry, &buffer, buffer.count, &found)
        guard status == 0, found != nil, let name = entry.gr_name else { return "gid \(group)" }
        return String(cString: name)
    }
}
