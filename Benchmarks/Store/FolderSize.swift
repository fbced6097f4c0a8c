import Glibc
import Runtime

enum FolderSize {
    /// The sizes of all files below a folder, as they lie on disk.
    static func bytes(_ path: String) -> Int {
        var status = stat()
        guard lstat(path, &status) == 0 else { return 0 }
        let own = Int(status.st_blocks) * 512
        guard status.st_mode & S_IFMT == S_IFDIR else { return own }
        return Files.names(in: path).reduce(0) { $0 + bytes(path + "/" + $1) }
    }
}
