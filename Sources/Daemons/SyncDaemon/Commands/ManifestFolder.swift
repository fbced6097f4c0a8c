import Declarations
import Glibc
import GitStore
import Runtime

/// A folder of manifests on disk, read by the rules by which a commit's tree is read.
struct ManifestFolder {
    private let path: String
    private static let deepest = GitLimits().treeDepth

    init(_ path: String) { self.path = path }

    /// The files, and what could not be read.
    func read() throws -> (files: [ManifestFile], problems: [(path: String, message: String)]) {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw CommandFailure("\(path): expected a folder")
        }
        let ignore: String = (try? Files.text("\(path)/\(ManifestTree.ignoreFile)")) ?? ""
        var problems: [(path: String, message: String)] = []
        let all: [ManifestTree.File] = list("", depth: 0, problems: &problems)
        let selection = ManifestTree.select(all, ignore: ignore)
        problems += selection.problems.map { ($0.file, $0.message) }
        guard selection.problems.isEmpty else { return ([], problems) }
        var files: [ManifestFile] = []
        for file in selection.manifests {
            do {
                let bytes: [UInt8] = try Files.read("\(path)/\(file)")
                files.append(ManifestFile(path: file, bytes: bytes, decoder: .standard))
            } catch { problems.append((file, error.reason)) }
        }
        return (files, problems)
    }

    private func list(
        _ folder: String, depth: Int, problems: inout [(path: String, message: String)]
    ) -> [ManifestTree.File] {
        guard depth <= Self.deepest else {
            problems.append((folder, "folders are nested deeper than \(Self.deepest)"))
            return []
        }
        var found: [ManifestTree.File] = []
        for name in names(in: folder.isEmpty ? path : "\(path)/\(folder)") where !name.hasPrefix(".") {
            let below: String = folder.isEmpty ? name : "\(folder)/\(name)"
            var status = stat()
            guard lstat("\(path)/\(below)", &status) == 0 else { continue }
            switch status.st_mode & S_IFMT {
            case S_IFDIR: found += list(below, depth: depth + 1, problems: &problems)
            case S_IFREG: found.append(ManifestTree.File(path: below, bytes: Int(status.st_size)))
            case S_IFLNK where name.hasSuffix(".yaml") || name.hasSuffix(".yml"):
                problems.append((below, "a symbolic link is not read"))
            default: break
            }
        }
        return found
    }

    private func names(in folder: String) -> [String] {
        guard let stream = opendir(folder) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name: String = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }
}
