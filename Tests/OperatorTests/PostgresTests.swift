import Database
import Glibc
@testable import Operator
import PlatformClient
import Runtime
import Testing

@Suite struct PostgresInstallationTests {
    private func withInstallations(_ versions: [String], _ body: (String) throws -> Void) async throws {
        try await withTemporaryFolder { folder in
            for version in versions {
                try Files.createFolder("\(folder)/\(version)/bin")
                try writeScript("exit 0", to: "\(folder)/\(version)/bin/postgres")
            }
            try body(folder)
        }
    }

    @Test func theNewestIsTakenByNumber() async throws {
        try await withInstallations(["9", "15", "16", "common"]) { root in
            let found: PostgresInstallation = try .find(root: root)
            #expect(found == PostgresInstallation(programs: "\(root)/16/bin", major: 16))
        }
    }

    @Test func aClusterIsOpenedByItsOwnVersion() async throws {
        try await withInstallations(["15", "16"]) { root in
            let found: PostgresInstallation = try .find(major: 15, root: root)
            #expect(found.major == 15)
            let error = #expect(throws: OperatorError.self) { _ = try PostgresInstallation.find(major: 17, root: root) }
            #expect(error?.message.contains("postgresql-17") == true)
        }
    }

    @Test func whatIsMissingOrTooOldIsSaidWithTheRemedy() async throws {
        try await withInstallations([]) { root in
            let error = #expect(throws: OperatorError.self) { _ = try PostgresInstallation.find(root: root) }
            #expect(error?.message.contains("install the package postgresql") == true)
        }
        try await withInstallations(["13"]) { root in
            #expect(throws: OperatorError.self) { _ = try PostgresInstallation.find(root: root) }
        }
    }
}

/// A real cluster, made and started the way `plumb up` does.
@Suite struct PostgresClusterTests {
    @Test func itIsMadeStartedAndStoppedAndKeepsItsData() async throws {
        try await withTemporaryFolder { folder in
            let directory = DataDirectory("\(folder)/data")
            try directory.create()
            let runtime = RuntimeDirectory(path: "\(folder)/run")
            try runtime.create(postgresUser: try PostgresCluster.unprivilegedUser())
            let programs = try Programs.besideThisOne()
            for round in 1...2 {
                let cluster: PostgresCluster = try await .open(directory, runtime: runtime) { _ in }
                try await cluster.stopLeftOver()
                try cluster.configure(memory: 1 << 30)
                let supervisor = Supervisor(lifeline: try LifelinePipe()) { _ in }
                await supervisor.start(cluster.specification(programs: programs, logFile: directory.log("postgres")))
                let connection: PostgresConnection = try await connect(runtime.postgres)
                if round == 1 { _ = try await connection.execute("CREATE TABLE public.kept AS SELECT 42 AS n") }
                #expect(try await connection.execute("SELECT n FROM public.kept").only().int("n") == 42)
                await connection.close()
                await supervisor.stop("postgres")
                #expect(!Files.exists("\(cluster.directory)/postmaster.pid"))
                let log: String = try Files.text(directory.log("postgres"))
                #expect(log.contains("received fast shutdown request"))
                #expect(!log.contains("not properly shut down"))
            }
        }
    }

    @Test func aServerThatWasLeftBehindIsStoppedBeforeTheNextStart() async throws {
        try await withTemporaryFolder { folder in
            let directory = DataDirectory("\(folder)/data")
            try directory.create()
            let runtime = RuntimeDirectory(path: "\(folder)/run")
            try runtime.create(postgresUser: try PostgresCluster.unprivilegedUser())
            let cluster: PostgresCluster = try await .open(directory, runtime: runtime) { _ in }
            try cluster.configure(memory: 1 << 30)
            let supervisor = Supervisor(lifeline: try LifelinePipe()) { _ in }
            await supervisor.start(
                cluster.specification(programs: try .besideThisOne(), logFile: directory.log("postgres")))
            await (try connect(runtime.postgres)).close()
            let file = "\(cluster.directory)/postmaster.pid"
            let line: Substring = try #require(Files.text(file).split(separator: "\n").first)
            let process: Int32 = try #require(Int32(line))
            try await cluster.stopLeftOver()
            #expect(!isAlive(process))
            await supervisor.stop("postgres")
        }
    }

    /// Connects as the superuser once the server takes connections.
    private func connect(_ sockets: String) async throws -> PostgresConnection {
        let address = DatabaseAddress(
            host: sockets, port: PostgresCluster.port, database: "postgres", user: PostgresCluster.superuser)
        var connection: PostgresConnection?
        _ = try await eventually(within: .seconds(60)) {
            connection = try? await PostgresConnection(address, applicationName: "operator tests")
            return connection != nil
        }
        return try #require(connection)
    }

    @Test func whoRunsItMayBeServiceAndOperator() {
        #expect(
            PostgresCluster.identities(of: ["ann"]) == """
                # map system-user role
                plumbline "ann" plumbline
                plumbline "ann" plumbline_proxy
                plumbline "ann" operator
                plumbline "ann" postgres

                """)
    }

    @Test func itTakesAPartOfTheMemory() {
        #expect(PostgresCluster.settings(memory: 4 << 30).contains("shared_buffers = 512MB"))
        #expect(PostgresCluster.settings(memory: 1 << 40).contains("shared_buffers = 4096MB"))
        #expect(PostgresCluster.settings(memory: 1 << 30, freeDisk: 16 << 30).contains("max_wal_size = 2048MB"))
        #expect(PostgresCluster.settings(memory: 1 << 30, freeDisk: 0).contains("max_wal_size = 512MB"))
        #expect(PostgresCluster.settings(memory: 1 << 30).contains("max_wal_size = 8192MB"))
        for promise in ["fsync = on", "synchronous_commit = on", "full_page_writes = on"] {
            #expect(PostgresCluster.settings(memory: 1 << 30).contains("\n\(promise)\n"))
        }
        #expect(PostgresCluster.settings(memory: 0).contains("shared_buffers = 64MB"))
    }
}
