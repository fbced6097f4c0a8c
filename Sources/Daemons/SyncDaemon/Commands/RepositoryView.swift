import Glibc
import Runtime

/// A store over the objects of another repository, among them those of a push that git has not taken in yet. It holds
/// nothing of its own and is removed after use.
struct RepositoryView {
    let folder: String

    /// - Parameter environment: of the hook: `GIT_OBJECT_DIRECTORY` and `GIT_ALTERNATE_OBJECT_DIRECTORIES` name the
    ///   places of the push.
    init(gitDir: String, environment: (String) -> String?) throws(FileError) {
        let base: String = environment("TMPDIR") ?? "/tmp"
        var template: [CChar] = Array("\(base)/gitops-sync-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw FileError(path: base, operation: "make a folder in", reason: String(cString: strerror(errno)))
        }
        folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let repository = "\(folder)/repository.git"
        try Files.createFolder("\(repository)/objects/info", mode: 0o700)
        try Files.createFolder("\(repository)/refs", mode: 0o700)
        try Files.write("ref: refs/heads/none\n".utf8, to: "\(repository)/HEAD")
        let alternates: [String] =
            [environment("GIT_OBJECT_DIRECTORY"), "\(gitDir)/objects"].compactMap { $0 }
            + (environment("GIT_ALTERNATE_OBJECT_DIRECTORIES") ?? "").split(separator: ":").map(String.init)
        let lines: [String] = alternates.map { absolute($0) + "\n" }
        try Files.write(lines.joined().utf8, to: "\(repository)/objects/info/alternates")
    }

    func remove() {
        for path in ["objects/info/alternates", "HEAD"] { unlink("\(folder)/repository.git/\(path)") }
        removeEmptyFolders()
    }

    /// What the store itself made beside (locks, a home) goes too.
    private func removeEmptyFolders() {
        for path in ["lock", "fetch.lock", "damaged"] { unlink("\(folder)/\(path)") }
        for path in [
            "repository.git/objects/info", "repository.git/objects/pack", "repository.git/objects",
            "repository.git/refs", "repository.git", "home/.ssh", "home",
        ] { rmdir("\(folder)/\(path)") }
        rmdir(folder)
    }
}

/// git names these relative to the hook's working directory.
private func absolute(_ path: String) -> String {
    guard !path.hasPrefix("/") else { return path }
    guard let current = getcwd(nil, 0) else { return path }
    defer { free(current) }
    return "\(String(cString: current))/\(path)"
}
