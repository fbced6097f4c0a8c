import Database
import Declarations
import Runtime

/// Takes the database's items of a backup, in their order: tables are made, filled, and only then indexed.
final class DatabaseLoad {
    private let address: DatabaseAddress
    private let connection: PostgresConnection
    private let target: DatabaseImport
    private let progress: ProgressLine
    /// What was backed up.
    private let facts: SnapshotFacts
    /// What pg_dump wrote, in a file, because pg_restore goes back and forth in it.
    private var schema: String?

    init(address: DatabaseAddress, connection: PostgresConnection, facts: SnapshotFacts, progress: ProgressLine) {
        self.address = address
        self.connection = connection
        self.facts = facts
        self.progress = progress
        target = DatabaseImport(connection)
    }

    deinit { if let schema { try? Files.removeTree(Files.parent(of: schema)) } }

    func takeSchema(_ reader: ArchiveReader) async throws {
        if !facts.hypertables.isEmpty { try await checkTimescale() }
        let folder: String = try Files.createTemporaryFolder(prefix: "plumb-restore")
        let path = "\(folder)/schema"
        schema = path
        var content: [UInt8] = []
        while let part = try reader.read() { content += part }
        try Files.write(content, to: path, mode: 0o600)
        try await restore("pre-data", jobs: 1)
        guard !facts.hypertables.isEmpty else { return }
        try await restore("post-data", jobs: 1)
        try await target.make(facts.hypertables)
    }

    private func checkTimescale() async throws {
        let isThere: Bool = try await target.hasTimescale()
        guard isThere else {
            throw OperatorError(
                "the backup holds hypertables (\(facts.hypertables.map(\.name).joined(separator: ", "))), and this "
                    + "PostgreSQL does not load TimescaleDB; install it and set shared_preload_libraries = 'timescaledb'"
            )
        }
    }

    func fill(
        _ schema: String, _ table: String, _ columns: [String], _ reader: ArchiveReader,
        show: @escaping @Sendable () -> Void
    ) async throws -> Int {
        try await target.fill(schema: schema, table: table, columns: columns) {
            show()
            return try reader.read()
        }
    }

    func takeSequences(_ reader: ArchiveReader) async throws {
        var content: [UInt8] = []
        while let part = try reader.read() { content += part }
        guard let items = try JSONValue(parsing: content).array else {
            throw OperatorError("\(reader.path): the list of sequences makes no sense")
        }
        try await target.set(try items.map { try SequencePosition(json: $0) })
    }

    /// Indexes, constraints, triggers; then the planner's knowledge.
    func finish() async throws {
        guard schema != nil else { throw OperatorError("the backup holds no schema") }
        progress.clear()
        if facts.hypertables.isEmpty {
            try await restore("post-data", jobs: 2)
        } else {
            try await target.letTriggersRun()
        }
        try await target.analyze()
    }

    private func restore(_ section: String, jobs: Int) async throws {
        guard let schema else { return }
        let programs = try ClientPrograms.find(atLeast: facts.postgresMajor)
        var environment: [String: String?] = try address.environment()
        environment["PGAPPNAME"] = "plumb restore"
        let database: String = try await connection.execute("SELECT current_database() AS name").only().string("name")
        try await CommandRunner(environment: environment).run(
            programs.restore,
            [
                "--section=\(section)", "--exit-on-error", "--no-password", "--jobs=\(jobs)", "--dbname=\(database)",
                schema,
            ])
    }
}
