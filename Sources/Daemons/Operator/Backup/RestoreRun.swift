import Database
import Declarations
import Glibc
import PlatformClient
import Runtime
import Telemetry

/// One restore. The backup is read twice: first to its end, comparing every digest, before anything is touched; then into
/// place. What is made is made apart and moved at the end, so that a restore that fails or is interrupted leaves nothing.
struct RestoreRun: Sendable {
    let file: String
    let progress: ProgressLine
    let say: @Sendable (String) -> Void

    struct Outcome: Sendable {
        var header: BackupHeader
        var manifest: BackupManifest
        var voided: RestoredStore.Outcome
        var isRepositoryThere: Bool
    }

    /// Reads all of it; throws where a bit of it is not what was written, or this program cannot use it.
    func verify() throws -> (header: BackupHeader, manifest: BackupManifest) {
        let reader = try ArchiveReader(file)
        while try reader.next() != nil {
            while try reader.read() != nil { show("checking", reader) }
        }
        let manifest: BackupManifest = try reader.finish()
        progress.clear()
        return (reader.header, manifest)
    }

    /// Makes a data directory at `target` out of the backup; `existing` is what to do with one that is there.
    func restore(into target: DataDirectory, movingAside: Bool) async throws -> Outcome {
        let (header, manifest) = try verify()
        if let problem = manifest.database.problem(for: .embedded) { throw OperatorError("\(file): \(problem)") }
        guard manifest.database.hypertables.isEmpty else {
            throw OperatorError(
                "\(file) holds hypertables, and the private PostgreSQL of a data directory does not load TimescaleDB; "
                    + "restore with --database into one that does")
        }
        try checkTarget(target, movingAside: movingAside)
        let made = DataDirectory("\(Files.parent(of: target.path))/.\(target.name).restoring-\(getpid())")
        do {
            try made.create()
            // The mark of a data directory; nobody starts on it before it is whole.
            let lock: DirectoryLock? = try DirectoryLock.take(made.lock)
            let outcome: Outcome = try await fill(made, for: target, header, manifest)
            try put(made, at: target, movingAside: movingAside)
            _ = consume lock
            return outcome
        } catch {
            try? Self.remove(made)
            throw error
        }
    }

    /// Fills an empty database of another PostgreSQL, as a superuser.
    func restore(intoDatabase address: DatabaseAddress) async throws -> Outcome {
        let (header, manifest) = try verify()
        if let problem = manifest.database.problem(for: .embedded) { throw OperatorError("\(file): \(problem)") }
        let connection = try await PostgresConnection(
            address, ConnectionConfiguration(applicationName: "plumb restore", statementTimeout: .zero))
        try await checkDatabase(connection)
        let name: String = try await connection.execute("SELECT current_database() AS name").only().string("name")
        try await DatabaseBootstrap(database: name).run(superuser: connection)
        let reader = try ArchiveReader(file)
        let loader = DatabaseLoad(
            address: address, connection: connection, facts: manifest.database, progress: progress)
        try await load(reader, loader) { _, _ in }
        let voided: RestoredStore.Outcome = try await settle(connection, service: nil)
        await connection.close()
        return Outcome(header: header, manifest: manifest, voided: voided, isRepositoryThere: false)
    }

    // MARK: The target

    private func checkTarget(_ target: DataDirectory, movingAside: Bool) throws {
        if DirectoryLock.isHeld(target.lock) {
            throw OperatorError("plumb up runs in \(target.path); stop it first (plumb down)")
        }
        guard Files.exists(target.path), !movingAside else { return }
        guard Files.isDirectory(target.path), Files.names(in: target.path).isEmpty else {
            throw OperatorError(
                "\(target.path) is there and not empty; name a new directory, or move what is there aside with --force")
        }
    }

    private func put(_ made: DataDirectory, at target: DataDirectory, movingAside: Bool) throws {
        try checkTarget(target, movingAside: movingAside)
        if Files.exists(target.path), rmdir(target.path) != 0 {
            let stamp: String = Timestamp.now().rfc3339.prefix(19).filter { $0.isNumber || $0 == "T" }
            let aside = "\(target.path).before-restore-\(stamp)"
            guard rename(target.path, aside) == 0 else { throw Files.failure("move aside", target.path) }
            say("what was in \(target.path) is in \(aside) now; remove it when nobody misses it")
        }
        guard rename(made.path, target.path) == 0 else {
            throw Files.failure("move the restored directory to", target.path)
        }
    }

    /// What an attempt leaves: the cluster may lie elsewhere, linked.
    private static func remove(_ made: DataDirectory) throws {
        let cluster: String = Files.absolute(made.cluster)
        try Files.removeTree(made.path)
        if Files.isDirectory(cluster) { try Files.removeTree(Files.parent(of: cluster)) }
    }

    private func checkDatabase(_ connection: PostgresConnection) async throws {
        let row: SQLRow = try await connection.execute(
            """
            SELECT rolsuper AS is_superuser, EXISTS (
                SELECT FROM pg_namespace WHERE nspname IN ('plumbline', 'plumbline_proxy')
            ) AS is_taken, current_user::text AS role, current_database()::text AS name
            FROM pg_roles WHERE rolname = current_user
            """
        ).only()
        guard try row.bool("is_superuser") else {
            throw OperatorError(
                "role \(try row.string("role")) is no superuser; the tables and functions of a backup belong to several "
                    + "roles, which only a superuser can give them to")
        }
        guard try !row.bool("is_taken") else {
            throw OperatorError(
                "the database \(try row.string("name")) holds a Plumbline already; restore into an empty one (CREATE DATABASE …)"
            )
        }
    }

    // MARK: Filling

    private func fill(
        _ made: DataDirectory, for target: DataDirectory, _ header: BackupHeader, _ manifest: BackupManifest
    ) async throws -> Outcome {
        // Nobody else sees this cluster; what is loaded is on disk before the directory is moved into place.
        let settings: [String: String] = [
            "synchronous_commit": "off", "autovacuum": "off", "maintenance_work_mem": "256MB", "max_wal_size": "8GB",
        ]
        let files = RestoredFiles(made: made, target: target, header: header)
        let voided: RestoredStore.Outcome = try await OfflineCluster(directory: made, say: say).run(settings: settings)
        {
            running in
            let first = try await PostgresConnection(
                running.address(PostgresCluster.superuser, database: "postgres"), applicationName: "plumb restore")
            try await DatabaseBootstrap(database: PostgresCluster.database).run(superuser: first)
            await first.close()
            let address: DatabaseAddress = running.address(PostgresCluster.superuser)
            let connection = try await PostgresConnection(
                address, ConnectionConfiguration(applicationName: "plumb restore", statementTimeout: .zero))
            let loader = DatabaseLoad(
                address: address, connection: connection, facts: manifest.database, progress: progress)
            try await load(try ArchiveReader(file), loader) { item, reader in try await files.take(item, reader) }
            let voided: RestoredStore.Outcome = try await settle(
                connection, service: running.address(PostgresCluster.serviceRole))
            await connection.close()
            return voided
        }
        // Of this time alone; the next start writes its own.
        try Files.removeTree(made.logs)
        try files.finish()
        return Outcome(
            header: header, manifest: manifest, voided: voided,
            isRepositoryThere: Files.exists("\(made.configRepository)/HEAD"))
    }

    /// Goes through the archive once; `others` gets what is not the database's.
    private func load(
        _ reader: ArchiveReader, _ loader: DatabaseLoad,
        others: (BackupItem, ArchiveReader) async throws -> Void
    ) async throws {
        var rows: [BackupItem: Int] = [:]
        while let item = try reader.next() {
            switch item {
            case .schema: try await loader.takeSchema(reader)
            case .table(let schema, let name, let columns):
                rows[item] = try await loader.fill(schema, name, columns, reader) { show("restoring", reader) }
            case .sequences: try await loader.takeSequences(reader)
            case .repository, .file: try await others(item, reader)
            }
        }
        let manifest: BackupManifest = try reader.finish()
        for record in manifest.items {
            guard let expected = record.rows, let found = rows[record.item], expected != found else { continue }
            throw OperatorError("\(record.item.title) has \(found) rows instead of \(expected) after the restore")
        }
        try await loader.finish()
        progress.clear()
    }

    /// Brings the schema to this program's and makes it another store than the one that was backed up.
    private func settle(
        _ connection: PostgresConnection, service address: DatabaseAddress?
    ) async throws -> RestoredStore.Outcome {
        if let address {
            let service = try await PostgresConnection(
                address, ConnectionConfiguration(applicationName: "plumb restore", statementTimeout: .zero))
            try await Migrator.embedded.migrate(service)
            await service.close()
        } else {
            try await connection.script("SET SESSION AUTHORIZATION \(PostgresCluster.serviceRole)")
            try await Migrator.embedded.migrate(connection)
            try await connection.script("RESET SESSION AUTHORIZATION")
        }
        return try await RestoredStore(connection).void()
    }

    private func show(_ verb: String, _ reader: ArchiveReader) {
        progress.show { elapsed in
            let (read, content) = reader.progress
            return
                "\(verb): \(Amounts.bytes(read)) of \(Amounts.bytes(reader.size)) (\(read * 100 / max(reader.size, 1)) %), "
                + "\(Amounts.rate(content, in: elapsed))"
        }
    }
}

extension DataDirectory {
    fileprivate var name: String { String(path.split(separator: "/").last ?? "data") }
}
