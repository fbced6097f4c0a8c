import Database
import Declarations
import Runtime

/// Takes the database's items of a backup, in their order: tables are made, filled, and only then indexed.
final class DatabaseLoad {
    private let address: DatabaseAddress
    private let connection: PostgresConnection
    private let target: DatabaseImport
    private let progress: ProgressLine
    /// Of the server that was backed up.
    private let major: Int
    /// What pg_dump wrote, in a file, because pg_restore goes back and forth in it.
    private var schema: String?

    init(address: DatabaseAddress, connection: PostgresConnection, major: Int, progress: ProgressLine) {
        self.address = address
        self.connection = connection
        self.major = major
        self.progress = progress
        target = DatabaseImport(connection)
    }

    deinit { if let schema { try? Files.removeTree(Files.parent(of: schema)) } }

    func takeSchema(_ reader: ArchiveReader) async throws {
        let folder: String = try Files.createTemporaryFolder(prefix: "plumb-restore")
        let path = "\(folder)/schema"
        schema = path
        var content: [UInt8] = []
        while let part = try reader.read() { content += part }
        try Files.write(content, to: path, mode: 0o600)
        try await restore("pre-data", jobs: 1)
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
        try await restore("post-data", jobs: 2)
        try await target.analyze()
    }

    private func restore(_ section: String, jobs: Int) async throws {
        guard let schema else { return }
        let programs = try ClientPrograms.find(atLeast: major)
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
