package import Declarations
import Runtime
package import Telemetry

/// What a running `plumb up` says of itself, in `run.json`: how the other commands find it, and how the next start finds
/// what a killed one left behind.
package struct RunRecord: Hashable, Sendable, JSONCodable {
    package var processID: Int32
    package var startedAt: Timestamp
    package var serverURL: String
    /// The folder of the unix sockets.
    package var runtimeDirectory: String
    /// How to reach PostgreSQL as the service, and as people; without passwords.
    package var database: String
    package var operatorDatabase: String
    package var configRepository: String
    package var isReady: Bool
    package var children: [Child]

    package struct Child: Hashable, Sendable, JSONCodable {
        package var name: String
        /// Nil while it waits to be started again.
        package var processID: Int32?
        /// The kernel's start time of the process (`/proc/PID/stat`), so that another process with the same number is
        /// not taken for it.
        package var startTicks: UInt64?
        package var startedAt: Timestamp?
        package var restarts: Int
        /// How it ended last, in words.
        package var lastEnd: String?

        package init(
            name: String, processID: Int32? = nil, startTicks: UInt64? = nil, startedAt: Timestamp? = nil,
            restarts: Int = 0, lastEnd: String? = nil
        ) {
            self.name = name
            self.processID = processID
            self.startTicks = startTicks
            self.startedAt = startedAt
            self.restarts = restarts
            self.lastEnd = lastEnd
        }

        package init(json: JSONValue) throws(JSONFormError) {
            let reader = try JSONObjectReader(json)
            name = try reader.string("name")
            processID = try reader.optionalInteger("pid").flatMap(Int32.init(exactly:))
            startTicks = try reader.optionalInteger("startTicks").flatMap(UInt64.init(exactly:))
            startedAt = try reader.optionalTime("startedAt")
            restarts = try reader.integer("restarts")
            lastEnd = try reader.optionalString("lastEnd")
        }

        package var json: JSONValue {
            .object(compacting: [
                "name": .string(name), "pid": processID.map { .integer($0) },
                "startTicks": startTicks.map { .integer($0) }, "startedAt": startedAt.map(JSONValue.time),
                "restarts": .integer(restarts), "lastEnd": lastEnd.map(JSONValue.string),
            ])
        }
    }

    package init(
        processID: Int32, startedAt: Timestamp, serverURL: String, runtimeDirectory: String, database: String,
        operatorDatabase: String, configRepository: String, isReady: Bool, children: [Child]
    ) {
        self.processID = processID
        self.startedAt = startedAt
        self.serverURL = serverURL
        self.runtimeDirectory = runtimeDirectory
        self.database = database
        self.operatorDatabase = operatorDatabase
        self.configRepository = configRepository
        self.isReady = isReady
        self.children = children
    }

    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        let version: Int = try reader.integer("version")
        guard version == 1 else { throw reader.error("version", "expected 1, got \(version)") }
        guard let pid = Int32(exactly: try reader.integer("pid")) else { throw reader.error("pid", "is too large") }
        processID = pid
        startedAt = try reader.time("startedAt")
        serverURL = try reader.string("server")
        runtimeDirectory = try reader.string("runtimeDirectory")
        database = try reader.string("database")
        operatorDatabase = try reader.string("operatorDatabase")
        configRepository = try reader.string("configRepository")
        isReady = try reader.bool("ready", default: false)
        children = try reader.list("children")
    }

    package var json: JSONValue {
        [
            "version": 1, "pid": .integer(processID), "startedAt": .time(startedAt), "server": .string(serverURL),
            "runtimeDirectory": .string(runtimeDirectory), "database": .string(database),
            "operatorDatabase": .string(operatorDatabase), "configRepository": .string(configRepository),
            "ready": .bool(isReady), "children": children.json,
        ]
    }

    /// The record of `directory`; nil where there is none or it cannot be read.
    package static func read(from directory: DataDirectory) -> RunRecord? {
        guard let content = try? Files.read(directory.runRecord) else { return nil }
        return try? RunRecord(parsing: content)
    }

    package func write(to directory: DataDirectory) throws {
        try Files.write(json.canonical + [UInt8(ascii: "\n")], to: directory.runRecord, mode: 0o600)
    }
}
