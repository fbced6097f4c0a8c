package import ArgumentParser
import Database
import Declarations
import Glibc
import PlatformClient
import Runtime
import Telemetry

package struct BackupCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "backup", abstract: "Write everything into one file: database, config repository, keys, secrets.",
        discussion: """
            Works while everything runs, and where nothing runs too. The database is as of one moment. The file holds \
            secrets and is readable by its owner alone; plumb restore makes a data directory out of it.

            The database is the one of --database, else of DATABASE_URL, else the private one of the data directory. \
            Where there is no data directory, the database alone is written.
            """)

    @Argument(
        help: ArgumentHelp(
            "The file to write, or - for standard output. Default: plumbline-HOST-TIME.tar.zst here.", valueName: "file"
        ))
    var file: String?

    @Option(help: ArgumentHelp("Read a backup to its end and compare every checksum.", valueName: "file"))
    var verify: String?

    @Option(help: ArgumentHelp("A libpq connection string or URL, as role plumbline.", valueName: "conninfo"))
    var database: String?

    @OptionGroup var local: LocalOptions
    @OptionGroup var output: OutputOptions

    package init() {}

    package func validate() throws {
        guard verify == nil || file == nil else { throw ValidationError("give a file to write or --verify, not both") }
    }

    package func run() async throws {
        let progress = ProgressLine()
        if let verify {
            let found = try RestoreRun(file: verify, progress: progress, say: { _ in }).verify()
            try report(verify, found.manifest, verb: "whole", in: progress.elapsed)
            return
        }
        if file == "-", isatty(STDOUT_FILENO) == 1 {
            throw OperatorError("standard output is a terminal; name a file, or send it somewhere")
        }
        let directory: DataDirectory? = try dataDirectory()
        let address: String? = database ?? ProcessEnvironment.value("DATABASE_URL")
        let manifest: BackupManifest
        if let address {
            manifest = try await write(DatabaseAddress(conninfo: address), directory, progress)
        } else if let directory {
            manifest = try await writePrivate(directory, progress)
        } else {
            throw OperatorError(
                "no data directory here or above, and no database: name one with --data-dir, --database or DATABASE_URL"
            )
        }
        progress.clear()
        if directory == nil {
            StandardError.write("the database alone: keys of tokens, secrets and the config repository are not in it\n")
        }
        if file != "-" { try report(target, manifest, verb: "written", in: progress.elapsed) }
    }

    private func dataDirectory() throws -> DataDirectory? {
        if local.dataDir != nil { return try local.dataDirectory() }
        return DataDirectory.find()
    }

    /// The private database: of the `plumb up` that runs, or started for this.
    private func writePrivate(_ directory: DataDirectory, _ progress: ProgressLine) async throws -> BackupManifest {
        guard let lock = try DirectoryLock.take(directory.lock) else {
            let record: RunRecord = try local.runningRecord(of: directory)
            guard !record.database.isEmpty else {
                throw OperatorError("this one uses the PostgreSQL of DATABASE_URL; set it here too")
            }
            return try await write(DatabaseAddress(conninfo: record.database), directory, progress)
        }
        guard Files.exists("\(directory.cluster)/PG_VERSION") else {
            throw OperatorError("\(directory.path) holds no database; where DATABASE_URL was used, set it here too")
        }
        let cluster = OfflineCluster(directory: directory) { StandardError.write("\($0)\n") }
        let manifest: BackupManifest = try await cluster.run { running in
            try await write(running.address(PostgresCluster.serviceRole), directory, progress)
        }
        _ = consume lock
        return manifest
    }

    private func write(
        _ address: DatabaseAddress, _ directory: DataDirectory?, _ progress: ProgressLine
    ) async throws -> BackupManifest {
        let run = BackupRun(database: address, directory: directory, progress: progress)
        if file == "-" { return try await run.write(to: STDOUT_FILENO, name: "standard output") }
        // Under another name until it is whole, so that nobody takes half a backup for one.
        let (path, partial): (String, String) = (target, "\(target).partial")
        guard !Files.exists(path) else { throw OperatorError("\(path) is there already; choose another name") }
        let descriptor: Int32 = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw Files.failure("write", partial) }
        defer { close(descriptor) }
        do {
            guard fchmod(descriptor, 0o600) == 0 else { throw Files.failure("set the mode of", partial) }
            let manifest: BackupManifest = try await run.write(to: descriptor, name: path)
            guard fsync(descriptor) == 0 else { throw Files.failure("write", path) }
            guard link(partial, path) == 0 else { throw Files.failure("name the finished backup", path) }
            unlink(partial)
            return manifest
        } catch {
            unlink(partial)
            throw error
        }
    }

    private var target: String { file ?? Self.defaultName }

    private static let defaultName: String = {
        let stamp: String = Timestamp.now().rfc3339.prefix(19).filter { $0.isNumber || $0 == "T" }
        return "plumbline-\(PlatformSettings.hostName)-\(stamp).tar.zst"
    }()

    private func report(_ path: String, _ manifest: BackupManifest, verb: String, in elapsed: Duration) throws {
        var status = stat()
        guard stat(path, &status) == 0 else { throw Files.failure("look at", path) }
        let size = Int(status.st_size)
        switch output.form {
        case .text:
            StandardOutput.line(
                "\(path) is \(verb): \(Amounts.bytes(size)), \(Amounts.count(manifest.rows)) rows of "
                    + "\(manifest.tables) tables and \(manifest.files) files as of \(manifest.database.takenAt.rfc3339), in "
                    + "\(Int(Amounts.seconds(elapsed).rounded(.up))) s")
        case .json:
            StandardOutput.json([
                "version": 1, "file": .string(Files.absolute(path)), "bytes": .integer(size),
                "contentBytes": .integer(manifest.bytes), "rows": .integer(manifest.rows),
                "tables": .integer(manifest.tables), "files": .integer(manifest.files),
                "takenAt": .time(manifest.database.takenAt), "storeId": .string(manifest.database.storeID),
                "schemaVersion": .integer(manifest.database.schemaVersion),
            ])
        }
    }
}
