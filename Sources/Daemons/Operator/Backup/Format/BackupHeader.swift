package import Declarations
package import Telemetry

/// The first member of a backup, `backup.json`: what wrote it, and where.
package struct BackupHeader: Hashable, Sendable, JSONCodable {
    /// Of the archive's form. A program reads its own and older ones.
    package static let formatVersion = 1

    package var plumblineVersion: String
    package var startedAt: Timestamp
    /// The name of the machine, for people.
    package var host: String
    /// Where the files were, so that paths in them can be set right; nil for a backup of a database alone.
    package var dataDirectory: String?
    package var runtimeDirectory: String?

    package init(
        plumblineVersion: String, startedAt: Timestamp, host: String, dataDirectory: String?, runtimeDirectory: String?
    ) {
        self.plumblineVersion = plumblineVersion
        self.startedAt = startedAt
        self.host = host
        self.dataDirectory = dataDirectory
        self.runtimeDirectory = runtimeDirectory
    }

    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        let format: Int = try reader.integer("formatVersion")
        guard (1...Self.formatVersion).contains(format) else {
            throw reader.error(
                "formatVersion", "this backup has form \(format), this plumb reads \(Self.formatVersion) and before")
        }
        plumblineVersion = try reader.string("plumbline")
        startedAt = try reader.time("startedAt")
        host = try reader.string("host")
        dataDirectory = try reader.optionalString("dataDirectory")
        runtimeDirectory = try reader.optionalString("runtimeDirectory")
    }

    package var json: JSONValue {
        .object(compacting: [
            "formatVersion": .integer(Self.formatVersion), "plumbline": .string(plumblineVersion),
            "startedAt": .time(startedAt), "host": .string(host), "dataDirectory": dataDirectory.map(JSONValue.string),
            "runtimeDirectory": runtimeDirectory.map(JSONValue.string),
        ])
    }
}
