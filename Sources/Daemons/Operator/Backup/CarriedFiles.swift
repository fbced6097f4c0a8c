import Glibc
package import PlatformClient
import Runtime

/// Which files of a data directory a backup carries: all but what the next start makes again, or what is carried in
/// another way. So state that is still to come is carried without anybody listing it.
package enum CarriedFiles {
    package struct Entry: Hashable, Sendable {
        /// Below the data directory.
        package var path: String
        package var mode: UInt32
    }

    /// The database and the config repository have ways of their own; logs are no state; the rest is of one run.
    private static let leftOut: Set<String> = ["postgres", "config.git", "logs", "run.json", "plumb.lock"]
    /// Tokens are made anew at each start; what signs them is not.
    private static let keptTokens: Set<String> = ["tokens/keys.json", "tokens/proxy-keys.json"]

    /// Whether a file is carried, by its path in the data directory.
    package static func isCarried(_ path: String) -> Bool {
        let parts: [Substring] = path.split(separator: "/")
        guard let first = parts.first, let last = parts.last, !leftOut.contains(String(first)) else { return false }
        // Half-written files and folders carry this ending until they are moved into place.
        if parts.contains(where: { $0.hasSuffix(".new") }) { return false }
        switch first {
        case "tokens": return keptTokens.contains(path)
        // The copies of repositories are fetched again.
        case "gitops-sync": return parts.count == 2 && last != "lock" && last != "status.json"
        default: return true
        }
    }

    /// The files that are carried, sorted. Sockets, links and the like are passed over.
    package static func list(in directory: DataDirectory) -> [Entry] {
        var found: [Entry] = []
        collect("", in: directory.path, into: &found)
        return found
    }

    private static func collect(_ folder: String, in root: String, into found: inout [Entry]) {
        for name in Files.names(in: folder.isEmpty ? root : "\(root)/\(folder)") {
            let path: String = folder.isEmpty ? name : "\(folder)/\(name)"
            var status = stat()
            guard lstat("\(root)/\(path)", &status) == 0 else { continue }
            switch status.st_mode & S_IFMT {
            case S_IFDIR where isCarried("\(path)/x") || path == "tokens" || path == "gitops-sync":
                collect(path, in: root, into: &found)
            case S_IFREG where isCarried(path): found.append(Entry(path: path, mode: status.st_mode & 0o7777))
            default: break
            }
        }
    }
}
