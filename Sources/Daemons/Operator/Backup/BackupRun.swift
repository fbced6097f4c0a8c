import Database
import Declarations
import Glibc
import PlatformClient
import Runtime
import Telemetry

/// One backup: the files of a data directory, then the database as of one moment, then the config repository.
///
/// In this order, because each may be newer than what comes after it expects, and not the other way round: an agent that
/// knows of fewer acknowledged lines than the database sends some again, which are stored once; a config repository that
/// has more commits than the database was told of is applied.
struct BackupRun: Sendable {
    let database: DatabaseAddress
    /// Nil for the database alone.
    let directory: DataDirectory?
    let progress: ProgressLine

    /// Writes the backup to `descriptor`; `name` is for messages.
    func write(to descriptor: Int32, name: String) async throws -> BackupManifest {
        let header = BackupHeader(
            plumblineVersion: RuntimeVersion.current, startedAt: .now(), host: PlatformSettings.hostName,
            dataDirectory: directory?.path,
            runtimeDirectory: directory.map { RuntimeDirectory.standard(for: $0).path })
        let writer = try ArchiveWriter(descriptor, name: name, header: header)
        if let directory { try carryFiles(of: directory, writer) }
        // No limit on statements: a large table takes as long as it takes.
        let connection = try await PostgresConnection(
            database, ConnectionConfiguration(applicationName: "plumb backup", statementTimeout: .zero))
        let facts: SnapshotFacts
        do {
            facts = try await carryDatabase(DatabaseExport(connection), writer)
            await connection.close()
        } catch {
            await connection.close()
            throw error
        }
        if let directory, Files.exists("\(directory.configRepository)/HEAD") {
            try await carryRepository(directory.configRepository, writer)
        }
        return try writer.finish(facts)
    }

    private func carryFiles(of directory: DataDirectory, _ writer: ArchiveWriter) throws {
        for entry in CarriedFiles.list(in: directory) {
            let descriptor: Int32 = open("\(directory.path)/\(entry.path)", O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
            if descriptor < 0, errno == ENOENT { continue }
            guard descriptor >= 0 else { throw Files.failure("read", "\(directory.path)/\(entry.path)") }
            defer { close(descriptor) }
            try writer.begin(.file(path: entry.path, mode: entry.mode))
            try pump(descriptor, "\(directory.path)/\(entry.path)", into: writer)
            try writer.end()
        }
    }

    private func pump(_ descriptor: Int32, _ path: String, into writer: ArchiveWriter) throws {
        var buffer = [UInt8](repeating: 0, count: 256 << 10)
        while true {
            let count: Int = read(descriptor, &buffer, buffer.count)
            if count < 0 {
                if errno == EINTR { continue }
                throw Files.failure("read", path)
            }
            if count == 0 { return }
            try writer.write(Array(buffer[..<count]))
        }
    }

    private func carryDatabase(_ export: DatabaseExport, _ writer: ArchiveWriter) async throws -> SnapshotFacts {
        let snapshot: DatabaseExport.Snapshot = try await export.begin()
        try await withTemporaryFile { file in
            let programs = try ClientPrograms.find(atLeast: snapshot.facts.postgresMajor)
            var environment: [String: String?] = try database.environment()
            environment["PGAPPNAME"] = "plumb backup"
            try await CommandRunner(environment: environment).run(
                programs.dump,
                [
                    "--schema-only", "--format=custom", "--no-password", "--lock-wait-timeout=60s",
                    "--snapshot=\(snapshot.id)", "--file=\(file)",
                ] + DatabaseExport.schemasLeftOut.map { "--exclude-schema=\($0)" })
            try carry(.schema, from: file, writer)
        }
        let all: Int = snapshot.tables.reduce(0) { $0 + $1.bytes }
        var done = 0
        for (number, table) in snapshot.tables.enumerated() {
            try writer.begin(.table(schema: table.schema, name: table.name, columns: table.columns))
            let rows: Int = try await export.copy(table) { [progress, done] content in
                try writer.write(content)
                progress.show { elapsed in
                    let (read, written) = writer.progress
                    return "\(Amounts.bytes(read)) read, \(Amounts.bytes(written)) written, "
                        + "\(Amounts.rate(read, in: elapsed)), about \(done * 100 / max(all, 1)) %: table "
                        + "\(number + 1) of \(snapshot.tables.count), \(table.schema).\(table.name)"
                }
            }
            try writer.end(rows: rows)
            done += table.bytes
        }
        let sequences: [SequencePosition] = try await export.sequences()
        try writer.begin(.sequences)
        try writer.write(JSONValue.array(sequences.map(\.json)).canonical)
        try writer.end()
        try await export.finish()
        return snapshot.facts
    }

    private func carryRepository(_ path: String, _ writer: ArchiveWriter) async throws {
        try await withTemporaryFile { file in
            try await ConfigRepository(path: path).bundle(into: file)
            try carry(.repository, from: file, writer)
        }
    }

    private func carry(_ item: BackupItem, from file: String, _ writer: ArchiveWriter) throws {
        let descriptor: Int32 = open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Files.failure("read", file) }
        defer { close(descriptor) }
        try writer.begin(item)
        try pump(descriptor, file, into: writer)
        try writer.end()
    }
}

/// Gives `body` the path of a file that is not there yet, in a folder that only this user can look into.
func withTemporaryFile<R>(_ body: (String) async throws -> R) async throws -> R {
    let folder: String = try Files.createTemporaryFolder(prefix: "plumb-backup")
    defer { try? Files.removeTree(folder) }
    return try await body("\(folder)/content")
}
