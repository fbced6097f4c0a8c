import Glibc

/// The files of this repository, read by the tests that hold the house to its picture.
enum SourceFiles {
    /// The root of the repository.
    static let root: String = {
        let parts: [Substring] = #filePath.split(separator: "/")
        return "/" + parts.dropLast(3).joined(separator: "/")
    }()

    static func text(_ path: String) throws -> String { try textOfFile("\(root)/\(path)") }

    static func textOfFile(_ path: String) throws -> String {
        guard let file = fopen(path, "r") else { throw NotReadable(path: path) }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count: Int = fread(&buffer, 1, buffer.count, file)
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += buffer[..<count]
        }
    }

    /// The names in a folder; empty where there is none.
    static func names(_ folder: String) -> [String] {
        guard let handle = opendir("\(root)/\(folder)") else { return [] }
        defer { closedir(handle) }
        var names: [String] = []
        while let entry = readdir(handle) {
            let name: String = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted()
    }

    /// The paths of all files below a folder, by suffix.
    static func below(_ folder: String, suffix: String) -> [String] {
        names(folder).flatMap { name -> [String] in
            let path = "\(folder)/\(name)"
            var status = stat()
            guard stat("\(root)/\(path)", &status) == 0 else { return [] }
            if status.st_mode & S_IFMT == S_IFDIR { return below(path, suffix: suffix) }
            return name.hasSuffix(suffix) ? [path] : []
        }
    }

    struct NotReadable: Error {
        var path: String
    }
}
