package import ArgumentParser
import Database
import Declarations
import PlatformClient
import Runtime
import Telemetry

package struct RestoreCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "restore", abstract: "Make a data directory out of a backup.",
        discussion: """
            The backup is checked to its last bit before anything is touched, and the directory appears when it is \
            whole. It is another store than the one that was backed up: leases are void, notifications that waited are \
            not sent, and gitops-sync makes what runs agree with git again.
            """)

    @Argument(help: ArgumentHelp("What plumb backup wrote.", valueName: "file"))
    var file: String

    @Option(help: ArgumentHelp("The data directory to make.", valueName: "dir"))
    var dataDir: String?

    @Option(
        help: ArgumentHelp(
            "Fill this empty database of another PostgreSQL instead, as a superuser: a libpq connection string or URL.",
            valueName: "conninfo"))
    var database: String?

    @Flag(help: "Where the data directory is there already, move it aside; nothing is deleted.")
    var force = false

    @OptionGroup var output: OutputOptions

    package init() {}

    package func validate() throws {
        guard (dataDir == nil) != (database == nil) else {
            throw ValidationError("give --data-dir or --database: where to")
        }
    }

    package func run() async throws {
        let progress = ProgressLine()
        let restore = RestoreRun(file: file, progress: progress) { StandardError.write("\($0)\n") }
        if let database {
            let outcome = try await restore.restore(intoDatabase: DatabaseAddress(conninfo: database))
            try report(outcome, place: "the database", next: "start plumb-server with it")
        } else if let dataDir {
            let directory = DataDirectory(dataDir)
            let outcome = try await restore.restore(into: directory, movingAside: force)
            try report(outcome, place: directory.path, next: "start it with: plumb up --data-dir \(directory.path)")
        }
    }

    private func report(_ outcome: RestoreRun.Outcome, place: String, next: String) throws {
        let manifest: BackupManifest = outcome.manifest
        switch output.form {
        case .text:
            StandardOutput.line(
                "restored to \(place): \(Amounts.count(manifest.rows)) rows of \(manifest.tables) tables and "
                    + "\(manifest.files) files, as of \(manifest.database.takenAt.rfc3339) on \(outcome.header.host)")
            if outcome.voided.notifications > 0 {
                StandardOutput.line(
                    "\(outcome.voided.notifications) notifications that waited then are not sent")
            }
            StandardOutput.line("it is a store of its own now, \(outcome.voided.storeID); \(next)")
        case .json:
            StandardOutput.json([
                "version": 1, "place": .string(place), "rows": .integer(manifest.rows),
                "tables": .integer(manifest.tables), "files": .integer(manifest.files),
                "takenAt": .time(manifest.database.takenAt), "storeId": .string(outcome.voided.storeID),
                "notificationsNotSent": .integer(outcome.voided.notifications),
                "runsEnded": .integer(outcome.voided.runs),
            ])
        }
    }
}
