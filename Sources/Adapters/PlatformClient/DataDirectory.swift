import Glibc
import Runtime

/// Where one `plumb up` keeps everything, and what is where in it.
package struct DataDirectory: Hashable, Sendable {
    /// Absolute.
    package let path: String

    package init(_ path: String) { self.path = Files.absolute(path) }

    /// The name that `plumb up` takes when it is given none.
    package static let defaultName = ".plumbline"

    /// The bare config repository: push here.
    package var configRepository: String { "\(path)/config.git" }
    /// The bootstrap config of gitops-sync; written on first use, then the operator's.
    package var syncConfig: String { "\(path)/gitops-sync.yaml" }
    package var cluster: String { "\(path)/postgres" }
    package var logs: String { "\(path)/logs" }
    package var tokens: String { "\(path)/tokens" }
    package var secrets: String { "\(path)/secrets" }
    package var reports: String { "\(path)/reports" }
    /// The status pages, each in a folder of its name.
    package var page: String { "\(path)/page" }
    package var agentState: String { "\(path)/agent" }
    package var syncState: String { "\(path)/gitops-sync" }
    /// The keys that tokens are signed with.
    package var keys: String { "\(path)/tokens/keys.json" }
    /// The same of the proxy.
    package var proxyKeys: String { "\(path)/tokens/proxy-keys.json" }
    package var runRecord: String { "\(path)/run.json" }
    package var lock: String { "\(path)/plumb.lock" }

    package func token(_ name: String) -> String { "\(tokens)/\(name)" }
    package func log(_ name: String) -> String { "\(logs)/\(name).log" }

    /// Creates the folders. What holds secrets is open to its owner alone.
    package func create() throws {
        if !Files.isDirectory(path) { try Files.createFolder(path, exactly: 0o755) }
        for folder in [logs, tokens, secrets, reports, agentState, syncState] {
            try Files.createFolder(folder, exactly: 0o700)
        }
    }

    /// The data directory that a command run in `start` means: the nearest `.plumbline` upward, where there is one, or
    /// `start` itself or a parent where that is a data directory.
    package static func find(from start: String = Files.workingDirectory) -> DataDirectory? {
        var folder: String = Files.absolute(start)
        while true {
            for candidate in ["\(folder == "/" ? "" : folder)/\(defaultName)", folder]
            where Files.exists("\(candidate)/plumb.lock") {
                return DataDirectory(candidate)
            }
            if folder == "/" { return nil }
            folder = Files.parent(of: folder)
        }
    }
}
