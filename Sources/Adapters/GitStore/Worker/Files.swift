import Glibc

/// The few things a worker does with files beside libgit2.
enum Files {
    /// Why the last call failed, in words.
    static var lastError: String { unsafe String(cString: strerror(errno)) }

    /// Makes a folder for its owner alone, with its parents.
    static func makeFolder(_ path: String, _ operation: String) throws(GitError) {
        if unsafe mkdir(path, 0o700) == 0 || errno == EEXIST { return }
        if errno == ENOENT, let slash = path.lastIndex(of: "/"), slash > path.startIndex {
            try makeFolder(String(path[..<slash]), operation)
            if unsafe mkdir(path, 0o700) == 0 || errno == EEXIST { return }
        }
        throw GitError(.storage, operation: operation, message: "cannot make the folder \(path): \(lastError)")
    }

    static func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

    /// The names in a folder, but not `.` and `..`; none where it cannot be read.
    static func names(in folder: String) -> [String] {
        guard let stream = unsafe opendir(folder) else { return [] }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while let entry = unsafe readdir(stream) {
            let name: String = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    /// Removes a file, or a folder with all that is in it; symbolic links are removed, not followed.
    static func remove(_ path: String) {
        var information = stat()
        guard unsafe lstat(path, &information) == 0 else { return }
        guard information.st_mode & S_IFMT == S_IFDIR else {
            unsafe unlink(path)
            return
        }
        for name in names(in: path) { remove("\(path)/\(name)") }
        unsafe rmdir(path)
    }

    /// The bytes of a small file.
    static func read(_ path: String, atMost limit: Int = 1 << 20) throws(FileProblem) -> [UInt8] {
        let descriptor: Int32 = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileProblem(message: "cannot read \(path): \(lastError)") }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let count: Int = unsafe Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw FileProblem(message: "cannot read \(path): \(lastError)") }
            if count == 0 { return bytes }
            bytes += chunk.prefix(count)
            guard bytes.count <= limit else { throw FileProblem(message: "\(path) is larger than \(limit) bytes") }
        }
    }

    /// A secret: one line of a file that not everybody may read.
    static func secret(_ path: String) throws(FileProblem) -> String {
        var information = stat()
        guard unsafe stat(path, &information) == 0 else {
            throw FileProblem(message: "cannot read \(path): \(lastError)")
        }
        guard information.st_mode & 0o004 == 0 else {
            throw FileProblem(message: "\(path) can be read by everybody; chmod o-r makes it a secret")
        }
        var bytes: [UInt8] = try read(path, atMost: 65536)
        if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
        if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
        guard !bytes.isEmpty, !bytes.contains(0) else { throw FileProblem(message: "\(path) holds no secret") }
        return String(decoding: bytes, as: UTF8.self)
    }

    static func write(_ bytes: [UInt8], to path: String) throws(FileProblem) {
        let descriptor: Int32 = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileProblem(message: "cannot write \(path): \(lastError)") }
        defer { close(descriptor) }
        guard write(bytes[...], to: descriptor) else {
            throw FileProblem(message: "cannot write \(path): \(lastError)")
        }
    }

    /// Writes all bytes to a descriptor; false where that failed.
    static func write(_ bytes: ArraySlice<UInt8>, to descriptor: Int32) -> Bool {
        var rest: ArraySlice<UInt8> = bytes
        while !rest.isEmpty {
            let count: Int = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }
}

struct FileProblem: Error {
    var message: String
}

/// A lock between processes, held until the value goes away or the process ends.
struct FileLock: ~Copyable {
    private let descriptor: Int32

    enum Mode {
        case shared, exclusive
        /// Exclusive, and nil at once where another holds it.
        case exclusiveNow
    }

    /// Nil where the lock is taken (`exclusiveNow`), or where the file can be neither made nor read: then there is
    /// nothing to lock.
    init?(_ path: String, _ mode: Mode) {
        var opened: Int32 = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        if opened < 0 { opened = unsafe open(path, O_RDONLY | O_CLOEXEC) }
        guard opened >= 0 else { return nil }
        let flags: Int32 =
            switch mode {
            case .shared: LOCK_SH
            case .exclusive: LOCK_EX
            case .exclusiveNow: LOCK_EX | LOCK_NB
            }
        while flock(opened, flags) != 0 {
            guard errno == EINTR else {
                close(opened)
                return nil
            }
        }
        descriptor = opened
    }

    deinit { close(descriptor) }
}
