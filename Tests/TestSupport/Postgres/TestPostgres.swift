package import Database
import Glibc
import Runtime
import Synchronization

/// A real PostgreSQL for tests: one server per test process on a unix socket in a temporary directory, one database per
/// test, copied from a migrated template.
///
/// The server stops when the process ends, also when it is killed (see ``PostgresProcess``). Tests run in parallel.
package struct TestPostgres: Sendable {
    /// Started by whoever asks first; everybody else waits for the same.
    private static let server = Task { try await TestPostgres() }

    package static var shared: TestPostgres { get async throws { try await server.value } }

    /// A fresh database with roles, schema and migrations. It is dropped when the last reference to it is gone.
    package static func database() async throws -> TestDatabase { try await shared.makeDatabase(isMigrated: true) }

    /// A fresh database with roles and nothing else.
    package static func emptyDatabase() async throws -> TestDatabase {
        try await shared.makeDatabase(isMigrated: false)
    }

    /// A fresh database with TimescaleDB, roles, schema and migrations, on a server of its own.
    package static func timescaleDatabase() async throws -> TestDatabase {
        try await timescaleServer.value.makeTimescaleDatabase()
    }

    /// A fresh database with roles and nothing else, on the server that loads TimescaleDB.
    package static func emptyTimescaleDatabase() async throws -> TestDatabase {
        try await timescaleServer.value.makeTimescaleDatabase(isMigrated: false)
    }

    private static let timescaleServer = Task { try await TestPostgres(withTimescale: true) }

    /// Whether TimescaleDB is installed for the PostgreSQL that tests start.
    package static let hasTimescale: Bool = {
        let versions: [Int] = (13...30).filter { access("/usr/lib/postgresql/\($0)/bin/postgres", F_OK) == 0 }
        return versions.last.map { access("/usr/share/postgresql/\($0)/extension/timescaledb.control", F_OK) == 0 }
            ?? false
    }()

    private let process: PostgresProcess
    /// Makes and drops databases: the commands take their turns on one session.
    private let maintenance: PostgresConnection
    private static let migrated = "template_migrated"
    private static let empty = "template_empty"

    private init() async throws {
        process = try await PostgresProcess.start()
        maintenance = try await Self.connect(process.address(database: "postgres", user: "postgres"))
        for name in [Self.empty, Self.migrated] {
            try await DatabaseBootstrap(database: name).run(superuser: maintenance)
        }
        let service = try await Self.connect(process.address(database: Self.migrated, user: "plumbline"))
        _ = try await Migrator.embedded.migrate(service)
        // A database that somebody is connected to cannot be copied.
        await service.close()
    }

    private func makeDatabase(isMigrated: Bool) async throws -> TestDatabase {
        let name = "test_\(Self.numbers.add(1, ordering: .relaxed).newValue)"
        let template: String = isMigrated ? Self.migrated : Self.empty
        _ = try await maintenance.execute("CREATE DATABASE \(name) TEMPLATE \(template) OWNER plumbline")
        // Settings of a database are not copied with it.
        try await DatabaseBootstrap(database: name).run(superuser: maintenance)
        return TestDatabase(name: name, process: process) { [maintenance] in
            _ = try? await maintenance.execute("DROP DATABASE IF EXISTS \(name) WITH (FORCE)")
        }
    }

    private static let numbers = Atomic<Int>(0)

    private init(withTimescale: Bool) async throws {
        process = try await PostgresProcess.start(settings: [
            "shared_preload_libraries=timescaledb", "timescaledb.telemetry_level=off", "max_worker_processes=64",
        ])
        maintenance = try await Self.connect(process.address(database: "postgres", user: "postgres"))
    }

    /// Not from a template: TimescaleDB's workers are connected to every database that has it.
    private func makeTimescaleDatabase(isMigrated: Bool = true) async throws -> TestDatabase {
        let name = "test_\(Self.numbers.add(1, ordering: .relaxed).newValue)"
        try await DatabaseBootstrap(database: name).run(superuser: maintenance)
        if isMigrated {
            let superuser = try await Self.connect(process.address(database: name, user: "postgres"))
            try await superuser.script("CREATE EXTENSION timescaledb SCHEMA public")
            await superuser.close()
            let service = try await Self.connect(process.address(database: name, user: "plumbline"))
            _ = try await Migrator.embedded.migrate(service)
            await service.close()
        }
        return TestDatabase(name: name, process: process) { [maintenance] in
            _ = try? await maintenance.execute("DROP DATABASE IF EXISTS \(name) WITH (FORCE)")
        }
    }

    private static func connect(_ address: DatabaseAddress) async throws -> PostgresConnection {
        try await PostgresConnection(address, applicationName: "tests")
    }
}

/// One test's database.
package final class TestDatabase: Sendable {
    package let name: String
    /// As the service's role, `plumbline`.
    package let address: DatabaseAddress
    /// As `postgres`.
    package let superuserAddress: DatabaseAddress
    /// As `operator`: people.
    package let operatorAddress: DatabaseAddress
    /// As `plumbline_proxy`: the proxy.
    package let proxyAddress: DatabaseAddress
    /// As the service's role.
    package let pool: DatabasePool
    /// For programs that take the parts.
    package let socketDirectory: String
    private let drop: @Sendable () async -> Void

    fileprivate init(name: String, process: PostgresProcess, drop: @escaping @Sendable () async -> Void) {
        self.name = name
        socketDirectory = process.directory
        address = process.address(database: name, user: "plumbline")
        superuserAddress = process.address(database: name, user: "postgres")
        operatorAddress = process.address(database: name, user: "operator")
        proxyAddress = process.address(database: name, user: "plumbline_proxy")
        pool = DatabasePool(address: address, size: 4, applicationName: "tests")
        self.drop = drop
    }

    deinit {
        // A bridge out of a synchronous callback. Where the process ends first, the whole server goes.
        let (pool, drop) = (pool, drop)
        Task {
            await pool.close()
            await drop()
        }
    }

    package func connect(
        as address: DatabaseAddress, applicationName: String = "tests"
    ) async throws
        -> PostgresConnection
    { try await PostgresConnection(address, applicationName: applicationName) }

    /// Runs one statement as the superuser.
    @discardableResult
    package func superuser(_ sql: String, _ parameters: [SQLValue] = []) async throws -> SQLResult {
        try await connect(as: superuserAddress).execute(sql, parameters)
    }

    /// Runs one statement as `operator`, as with psql.
    @discardableResult
    package func person(_ sql: String, _ parameters: [SQLValue] = []) async throws -> SQLResult {
        try await connect(as: operatorAddress, applicationName: "psql").execute(sql, parameters)
    }

    /// Makes these the alert rules that are declared.
    package func declareRules(_ names: [String]) async throws {
        try await superuser(
            "DELETE FROM plumbline.resources WHERE kind = 'AlertRule' AND name <> ALL ($1::text[])",
            [.textArray(names)])
        try await superuser(
            """
            INSERT INTO plumbline.resources (kind, name, spec, owner)
            SELECT 'AlertRule', name, '{"expr": "up == 0"}', 'test' FROM unnest($1::text[]) AS name
            ON CONFLICT DO NOTHING
            """, [.textArray(names)])
    }
}
