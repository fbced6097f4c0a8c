import Glibc
import Runtime
package import SystemdUnits

/// The folder of a machine's own units, as the helper writes it.
package struct DropInFolder: Sendable {
    private let path: String

    package init(_ path: String = Systemctl.standardFolder) { self.path = path }

    /// Replaces the drop-in of a unit as a whole; nil removes it, with its folder where nothing else is in there.
    package func write(_ text: String?, of unit: String) throws(SystemdError) {
        let folder = "\(path)/\(unit).d"
        let file: String = DropIn.path(of: unit, in: path)
        do throws(FileError) {
            try refuseLink(folder)
            guard let text else {
                guard unlink(file) == 0 || errno == ENOENT || errno == ENOTDIR else {
                    throw Files.failure("remove", file)
                }
                // Somebody else's drop-ins stay, and so does the folder then.
                _ = rmdir(folder)
                return
            }
            try Files.createFolder(folder, mode: 0o755)
            try refuseLink(folder)
            // Written beside and renamed: a link of that name is replaced, never followed.
            try Files.write(text.utf8, to: file, mode: 0o644)
        } catch { throw SystemdError(error.description) }
    }

    private func refuseLink(_ folder: String) throws(FileError) {
        var status = stat()
        guard lstat(folder, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw FileError(path: folder, operation: "write into", reason: "it is not a folder but a link or a file")
        }
    }

    /// A list of allowed units, which must belong to the user of this process (root) and be writable by nobody else; nil
    /// where the file is missing.
    package static func allowList(_ path: String) throws(SystemdError) -> UnitAllowList? {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            if errno == ENOENT { return nil }
            throw SystemdError(Files.failure("read", path).description)
        }
        guard status.st_mode & S_IFMT == S_IFREG, status.st_uid == geteuid(), status.st_mode & 0o022 == 0 else {
            throw SystemdError(
                "\(path) is not a file of root that nobody else can write; nothing is done with it there")
        }
        do throws(FileError) { return UnitAllowList(parsing: try Files.text(path, limit: 64 << 10)) } catch {
            throw SystemdError(error.description)
        }
    }
}
