import Database
import Declarations
import Glibc
import Logging
import Operator
import PlatformClient
import Runtime
import ServiceLifecycle
import Telemetry
import UnixSignals

struct BenchError: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}

/// A platform as `plumb up` runs it, with the programs of this build. Its children end with this process.
struct BenchPlatform: Sendable {
    let directory: DataDirectory
    let record: RunRecord
    let programs: Programs

    /// Nothing of gitops-sync between two measurements.
    static let quiet: [String: String] = ["PLUMB_DRIFT_INTERVAL": "1h", "PLUMB_INTERVAL": "1h"]

    var database: DatabaseAddress { DatabaseAddress(conninfo: record.database) }
    /// For CHECKPOINT; a later keyword counts.
    var superuser: DatabaseAddress { DatabaseAddress(conninfo: record.database + " user=postgres") }

    /// The process of gitops-sync.
    var sync: Int32 { record.children.first { $0.name == "gitops-sync" }?.processID ?? 0 }

    func client(token: String) -> ServerClient {
        ServerClient(baseURL: record.serverURL, token: TokenFile(path: directory.token(token)))
    }

    /// Writes manifests into the config repository; the push runs gitops-sync. By path from its root.
    func commit(_ manifests: [String: String], message: String) async throws {
        let clone: String = directory.path + "/clone"
        try await CommandRunner().run("git", ["clone", "--quiet", directory.configRepository, clone])
        for (path, text) in manifests { try Files.write(text.utf8, to: "\(clone)/\(path)") }
        let git = CommandRunner(workingDirectory: clone)
        let author: [String] = ["-c", "user.name=plumb-bench", "-c", "user.email=plumb-bench@localhost"]
        try await git.run("git", ["add", "--all"])
        try await git.run("git", author + ["commit", "--quiet", "--message", message])
        try await git.run("git", ["push", "--quiet", "origin", "HEAD"])
        try Files.removeTree(clone)
    }

    /// Starts a platform in a new folder of `parent`, and removes both when `body` is done.
    static func with(
        _ programs: Programs, in parent: String, environment: [String: String],
        _ body: @escaping @Sendable (BenchPlatform) async throws -> Void
    ) async throws {
        let folder = try DataDirectory(temporaryFolder(in: parent))
        defer { remove(folder) }
        try await run(programs, in: folder, environment: environment, body)
    }

    /// Starts a platform in `folder`, stops it when `body` is done or a signal comes.
    static func run(
        _ programs: Programs, in folder: DataDirectory, environment: [String: String],
        _ body: @escaping @Sendable (BenchPlatform) async throws -> Void
    ) async throws {
        for (name, value) in environment { setenv(name, value, 1) }
        let platform = Platform(
            settings: PlatformSettings(dataDirectory: folder, port: try freePort(), host: "bench"), programs: programs,
            console: Console { _ in })
        var logger: Logger = LogSetup(service: "plumb-bench").logger()
        logger.logLevel = .error
        let work = Work {
            try await body(BenchPlatform(directory: folder, record: ready(in: folder), programs: programs))
        }
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [
                    .init(service: platform, successTerminationBehavior: .gracefullyShutdownGroup),
                    .init(
                        service: work, successTerminationBehavior: .gracefullyShutdownGroup,
                        failureTerminationBehavior: .gracefullyShutdownGroup),
                ], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        try await group.run()
    }

    private struct Work: Service {
        let body: @Sendable () async throws -> Void
        func run() async throws {
            try await cancelWhenGracefulShutdown { try await body() }
        }
    }

    private static func ready(in folder: DataDirectory) async throws -> RunRecord {
        for _ in 0..<1200 {
            if let record = RunRecord.read(from: folder), record.isReady { return record }
            try await Task.sleep(for: .milliseconds(100))
        }
        throw BenchError("the platform in \(folder.path) is not ready after two minutes; see \(folder.logs)")
    }

    static func freePort() throws -> UInt16 {
        // The server's port and the one two above must be free.
        for port in stride(from: UInt16(17_700), to: 27_700, by: 10)
        where try Ports.isFree(port) && Ports.isFree(port + 2) { return port }
        throw BenchError("no free port between 17700 and 27700")
    }

    static func temporaryFolder(in parent: String) throws -> String {
        var template: [CChar] = Array("\(parent)/plumb-bench-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw BenchError("cannot create a folder in \(parent): \(String(cString: strerror(errno)))")
        }
        let path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        // PostgreSQL may run as another user.
        chmod(path, 0o755)
        return path
    }

    static func remove(_ folder: DataDirectory) {
        // Where PostgreSQL's user could not reach the folder the cluster lies elsewhere, behind a link.
        let cluster: String = Files.absolute(folder.cluster)
        for path in [cluster, folder.path] {
            do { try Files.removeTree(path) } catch { print("\(error)") }
        }
    }
}
