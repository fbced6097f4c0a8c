import Glibc
import Runtime
package import SystemPackage

/// A log file that a child appends to, kept within a limit.
///
/// The child writes to the file itself, so that no line is lost when this process is killed. The price is that it keeps
/// its descriptor: a full file is therefore copied and emptied in place. Lines written between the two are lost; that is
/// microseconds once in `limit` bytes.
package enum BoundedLog {
    /// Two files of this size are kept per child.
    package static let limit = 10 << 20

    package static func open(_ path: String) throws -> FileDescriptor {
        let descriptor: Int32 = Glibc.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Files.failure("open the log", path) }
        return FileDescriptor(rawValue: descriptor)
    }

    /// Moves the content to `path.1` when the file is larger than `limit`.
    package static func rotate(_ path: String, limit: Int = Self.limit) throws {
        var status = stat()
        guard stat(path, &status) == 0, status.st_size > limit else { return }
        // The newest part alone, where the file grew far beyond the limit before this looked.
        let content: [UInt8] = try tail(of: path, bytes: limit)
        try Files.write(content, to: "\(path).1", mode: 0o600)
        guard truncate(path, 0) == 0 else { throw Files.failure("empty", path) }
    }

    /// The last `bytes` of a file.
    package static func tail(of path: String, bytes: Int) throws -> [UInt8] {
        let descriptor: Int32 = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Files.failure("read", path) }
        defer { close(descriptor) }
        let size: off_t = lseek(descriptor, 0, SEEK_END)
        lseek(descriptor, max(0, size - off_t(bytes)), SEEK_SET)
        var content: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while content.count < bytes {
            let count: Int = read(descriptor, &buffer, min(buffer.count, bytes - content.count))
            guard count > 0 else { break }
            content.append(contentsOf: buffer[..<count])
        }
        return content
    }

    /// The last lines of a log, for an error message.
    package static func lastLines(of path: String, count: Int) -> [String] {
        guard let content = try? tail(of: path, bytes: 16 << 10) else { return [] }
        return String(decoding: content, as: UTF8.self).split(separator: "\n").suffix(count).map(String.init)
    }
}
