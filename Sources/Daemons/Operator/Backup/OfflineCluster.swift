import Database
import PlatformClient
import Runtime

/// The private PostgreSQL of a data directory for the time of one command, where no `plumb up` runs.
struct OfflineCluster: Sendable {
    let directory: DataDirectory
    let say: @Sendable (String) -> Void

    /// Where it listens while it runs.
    struct Running: Sendable {
        var socketDirectory: String

        func address(_ role: String, database: String = PostgresCluster.database) -> DatabaseAddress {
            DatabaseAddress(host: socketDirectory, port: PostgresCluster.port, database: database, user: role)
        }
    }

    /// Starts it (made where there is none), runs `body`, stops it in order; `settings` are for this time alone.
    func run<R: Sendable>(
        settings: [String: String] = [:], _ body: (Running) async throws -> R
    ) async throws -> R {
        let runtime: RuntimeDirectory = .standard(for: directory)
        try Files.createFolder(directory.logs, exactly: 0o700)
        try runtime.create(postgresUser: try PostgresCluster.unprivilegedUser())
        defer { try? Files.removeTree(runtime.path) }
        let cluster: PostgresCluster = try await .open(directory, runtime: runtime, say: say)
        try await cluster.stopLeftOver()
        try cluster.configure()
        var specification: ChildSpecification = cluster.specification(
            programs: try .besideThisOne(), logFile: directory.log("postgres"))
        for (name, value) in settings.sorted(by: { $0.key < $1.key }) {
            specification.arguments += ["-c", "\(name)=\(value)"]
        }
        // Stopping writes everything that was loaded to disk first.
        specification.stopWithin = .seconds(300)
        let supervisor = Supervisor(lifeline: try LifelinePipe()) { _ in }
        await supervisor.start(specification)
        let running = Running(socketDirectory: runtime.postgres)
        do {
            try await waitUntilReady(running)
            let result: R = try await body(running)
            await supervisor.stop("postgres")
            return result
        } catch {
            await supervisor.stop("postgres")
            throw error
        }
    }

    /// Minutes, not seconds: after a crash it replays its log first.
    private func waitUntilReady(_ running: Running) async throws {
        let deadline: ContinuousClock.Instant = .now + .seconds(300)
        let superuser: DatabaseAddress = running.address(PostgresCluster.superuser, database: "postgres")
        while true {
            do {
                try await PostgresConnection(superuser, applicationName: "plumb").close()
                return
            } catch {
                guard ContinuousClock.now < deadline else {
                    throw OperatorError(
                        "PostgreSQL does not start: \(error); see \(directory.log("postgres"))")
                }
            }
            try await Task.sleep(for: .milliseconds(50))
        }
    }
}
