import Glibc
package import Telemetry

/// Folders and paths.
extension Files {
    package static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// When the content of a file last changed; nil where there is none. A link's own time, not that of what it leads to.
    package static func changedAt(_ path: String) -> Timestamp? {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        return Timestamp(microseconds: Int64(status.st_mtim.tv_sec) * 1_000_000 + Int64(status.st_mtim.tv_nsec) / 1000)
    }

    package static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// Creates `path` and what is missing above it. `mode` holds for `path` also when it is there already.
    package static func createFolder(_ path: String, exactly mode: UInt32) throws(FileError) {
        try createFolder(path, mode: mode)
        // mkdir's mode passes through the umask; where the folder belongs to somebody else, its mode is theirs.
        guard chmod(path, mode) == 0 || errno == EPERM else { throw failure("set the mode of", path) }
        guard isDirectory(path) else {
            throw FileError(path: path, operation: "create", reason: "something else is there", code: ENOTDIR)
        }
    }

    /// The names in a directory, sorted; empty where it cannot be read.
    package static func names(in path: String) -> [String] {
        guard let handle = opendir(path) else { return [] }
        defer { closedir(handle) }
        var names: [String] = []
        while let entry = readdir(handle) {
            let name: String = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Removes a tree without following symbolic links. What is missing is fine.
    package static func removeTree(_ path: String) throws(FileError) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        if status.st_mode & S_IFMT == S_IFDIR {
            for name in names(in: path) { try removeTree("\(path)/\(name)") }
            guard rmdir(path) == 0 || errno == ENOENT else { throw failure("remove", path) }
        } else {
            guard unlink(path) == 0 || errno == ENOENT else { throw failure("remove", path) }
        }
    }

    /// A fresh directory of mode 0700 below `TMPDIR` or `/tmp`.
    package static func createTemporaryFolder(prefix: String) throws(FileError) -> String {
        let base: String = ProcessEnvironment.value("TMPDIR") ?? "/tmp"
        var template: [CChar] = Array("\(base)/\(prefix)-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw failure("create a temporary folder in", base) }
        return String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// `path` made absolute, without symbolic links where it exists, else without `.` and `..`.
    package static func absolute(_ path: String) -> String {
        if let resolved = realpath(path, nil) {
            defer { free(resolved) }
            return String(cString: resolved)
        }
        let full: String = path.hasPrefix("/") ? path : "\(workingDirectory)/\(path)"
        var parts: [Substring] = []
        for part in full.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }

    package static var workingDirectory: String {
        guard let path = getcwd(nil, 0) else { return "/" }
        defer { free(path) }
        return String(cString: path)
    }

    /// The part of an absolute path before its last component.
    package static func parent(of path: String) -> String {
        "/" + path.split(separator: "/").dropLast().joined(separator: "/")
    }

    /// The error that `errno` holds.
    package static func failure(_ operation: String, _ path: String) -> FileError {
        let code: Int32 = errno
        return FileError(path: path, operation: operation, reason: String(cString: strerror(code)), code: code)
    }
}
