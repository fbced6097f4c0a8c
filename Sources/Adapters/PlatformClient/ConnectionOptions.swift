package import ArgumentParser
import Runtime

/// Which server a command speaks to: one that is named, or the one of a local `plumb up`.
package struct ConnectionOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The server's address.", valueName: "url"))
    package var server: String?

    @Option(help: ArgumentHelp("A file that holds the token alone.", valueName: "file"))
    package var tokenFile: String?

    @OptionGroup package var local: LocalOptions

    package init() {}

    package func validate() throws {
        guard server == nil || tokenFile != nil else {
            throw ValidationError("--server needs --token-file: the file that holds a token for it")
        }
        guard server == nil || local.dataDir == nil else {
            throw ValidationError("give --server or --data-dir, not both")
        }
    }

    /// A client of the named server, or of the local one with the token called `token`.
    package func client(token name: String) throws -> ServerClient {
        if let server, let tokenFile { return ServerClient(baseURL: server, token: TokenFile(path: tokenFile)) }
        let directory: DataDirectory = try local.dataDirectory()
        let record: RunRecord = try local.runningRecord(of: directory)
        return ServerClient(
            baseURL: record.serverURL, token: TokenFile(path: tokenFile ?? directory.token(name)))
    }
}

/// Which local `plumb up` is meant.
package struct LocalOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The data directory of a local plumb up. Default: the nearest .plumbline upward.", valueName: "dir"))
    package var dataDir: String?

    package init() {}

    /// The named data directory or the nearest one.
    package func dataDirectory() throws -> DataDirectory {
        if let dataDir {
            let directory = DataDirectory(dataDir)
            guard Files.exists(directory.lock) else {
                throw PlatformClientError("\(directory.path) is no data directory: plumb up was never run there")
            }
            return directory
        }
        guard let directory = DataDirectory.find() else {
            throw PlatformClientError(
                "no \(DataDirectory.defaultName) here or above; start one with plumb up, or name it with --data-dir")
        }
        return directory
    }

    /// What the one that runs there says of itself.
    package func runningRecord(of directory: DataDirectory) throws -> RunRecord {
        guard DirectoryLock.isHeld(directory.lock), let record = RunRecord.read(from: directory) else {
            throw PlatformClientError("nothing runs in \(directory.path); start it with plumb up")
        }
        return record
    }
}

/// How a command answers.
package enum OutputForm: String, ExpressibleByArgument, CaseIterable, Sendable {
    case text
    case json
}

package struct OutputOptions: ParsableArguments {
    @Option(name: .customLong("output"), help: "text or json.")
    package var form: OutputForm = .text

    package init() {}
}
