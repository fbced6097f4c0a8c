import Glibc
package import Runtime

/// The running kernel's files.
package struct LinuxHostFiles: HostFiles {
    package init() {}

    package func read(_ path: String) throws(FileError) -> [UInt8] {
        try Files.read(path, limit: HostFilesLimit.fileBytes)
    }

    package func list(_ path: String) throws(FileError) -> [String] {
        guard let folder = opendir(path) else { throw FileError.last("list", path) }
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

    package func space(ofFileSystemAt path: String) throws(FileError) -> FileSystemSpace {
        var answer = statvfs()
        guard statvfs(path, &answer) == 0 else { throw FileError.last("stat the file system at", path) }
        let block = Double(answer.f_frsize)
        return FileSystemSpace(
            size: Double(answer.f_blocks) * block, free: Double(answer.f_bfree) * block,
            available: Double(answer.f_bavail) * block, files: Double(answer.f_files),
            filesFree: Double(answer.f_ffree))
    }
}
