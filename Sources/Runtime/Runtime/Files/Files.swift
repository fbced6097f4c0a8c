import Glibc

/// What went wrong with a file: the path, what was tried, the system's words.
package struct FileError: Error, Hashable, Sendable, CustomStringConvertible {
    package var path: String
    package var operation: String
    package var reason: String
    /// `errno` where the system said no; 0 where we did.
    package var code: Int32

    package init(path: String, operation: String, reason: String, code: Int32 = 0) {
        self.path = path
        self.operation = operation
        self.reason = reason
        self.code = code
    }

    init(_ operation: String, _ path: String, code: Int32) {
        self.init(path: path, operation: operation, reason: String(cString: strerror(code)), code: code)
    }

    package var isMissing: Bool { code == ENOENT }
    package var description: String { "cannot \(operation) \(path): \(reason)" }
}

/// Whole small files.
package enum Files {
    /// All bytes of a file of at most `limit` bytes.
    package static func read(_ path: String, limit: Int = 1 << 20) throws(FileError) -> [UInt8] {
        let descriptor: Int32 = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError("read", path, code: errno) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        while true {
            let count: Int = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0 {
                guard errno == EINTR else { throw FileError("read", path, code: errno) }
                continue
            }
            if count == 0 { return bytes }
            bytes += buffer[..<count]
            guard bytes.count <= limit else {
                throw FileError(path: path, operation: "read", reason: "it is larger than \(limit) bytes")
            }
        }
    }

    /// The text of a UTF-8 file.
    package static func text(_ path: String, limit: Int = 1 << 20) throws(FileError) -> String {
        guard let text = String(validating: try read(path, limit: limit), as: UTF8.self) else {
            throw FileError(path: path, operation: "read", reason: "it is not UTF-8")
        }
        return text
    }

    /// Replaces the file as a whole: readers see the old content or the new, also after a crash. The new file has
    /// `mode`, whatever the umask and the old one.
    ///
    /// - Parameter isLasting: whether it is on the disk when this returns. Where it is not, it costs a fraction, and when
    ///   the machine fails the file may have the old content, the new or none.
    package static func write(
        _ bytes: some Sequence<UInt8>, to path: String, mode: UInt32 = 0o644, isLasting: Bool = true
    ) throws(FileError) {
        let temporary = "\(path).\(getpid()).\(UInt32.random(in: 0 ... .max)).new"
        defer { unlink(temporary) }
        try writeNew(Array(bytes), to: temporary, mode: mode, isLasting: isLasting)
        guard rename(temporary, path) == 0 else { throw FileError("replace", path, code: errno) }
        if isLasting { synchronizeFolder(of: path) }
    }

    /// Creates the file; fails where one is there already (`code` is `EEXIST`). Of several processes one wins.
    package static func create(_ bytes: some Sequence<UInt8>, at path: String, mode: UInt32) throws(FileError) {
        // Written apart and linked into place, so that whoever loses the race finds a whole file, never a part.
        let temporary = "\(path).\(getpid()).\(UInt32.random(in: 0 ... .max)).new"
        defer { unlink(temporary) }
        try writeNew(Array(bytes), to: temporary, mode: mode)
        guard link(temporary, path) == 0 else { throw FileError("create", path, code: errno) }
        synchronizeFolder(of: path)
    }

    /// Creates the folder and those above it that are missing.
    package static func createFolder(_ path: String, mode: UInt32 = 0o755) throws(FileError) {
        if mkdir(path, mode) == 0 { return }
        switch errno {
        case EEXIST: return
        case ENOENT:
            guard let parent = folder(of: path), parent != path else {
                throw FileError("create", path, code: ENOENT)
            }
            try createFolder(parent, mode: mode)
            guard mkdir(path, mode) == 0 || errno == EEXIST else { throw FileError("create", path, code: errno) }
        case let code: throw FileError("create", path, code: code)
        }
    }

    private static func writeNew(
        _ bytes: [UInt8], to path: String, mode: mode_t, isLasting: Bool = true
    ) throws(FileError) {
        let descriptor: Int32 = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw FileError("write", path, code: errno) }
        defer { close(descriptor) }
        guard fchmod(descriptor, mode) == 0 else { throw FileError("set the mode of", path, code: errno) }
        var rest: ArraySlice<UInt8> = bytes[...]
        while !rest.isEmpty {
            let written: Int = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if written < 0 {
                guard errno == EINTR else { throw FileError("write", path, code: errno) }
                continue
            }
            rest = rest.dropFirst(written)
        }
        guard !isLasting || fsync(descriptor) == 0 else { throw FileError("write", path, code: errno) }
    }

    private static func folder(of path: String) -> String? {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// The rename lasts only once the folder is on disk too. Best effort: some file systems have no such thing.
    private static func synchronizeFolder(of path: String) {
        guard let folder = folder(of: path) else { return }
        let descriptor: Int32 = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }
}
