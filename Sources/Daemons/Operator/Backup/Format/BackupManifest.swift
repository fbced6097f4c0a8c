package import Database
package import Declarations
import Telemetry

/// The last but one member of a backup, `manifest.json`: what the database was, and every item with its length and
/// SHA-256. Without it a backup is cut short.
package struct BackupManifest: Hashable, Sendable, JSONCodable {
    package var database: SnapshotFacts
    package var items: [ItemRecord]

    package init(database: SnapshotFacts, items: [ItemRecord]) {
        self.database = database
        self.items = items
    }

    package var rows: Int { items.reduce(0) { $0 + ($1.rows ?? 0) } }
    package var bytes: Int { items.reduce(0) { $0 + $1.bytes } }
    package var tables: Int { items.count { $0.rows != nil } }
    package var files: Int { items.count { if case .file = $0.item { true } else { false } } }

    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        let facts = try JSONObjectReader(try reader.required("database"), path: "/database")
        var migrations: [Int: String] = [:]
        for item in try facts.array("migrations") {
            let nested = try JSONObjectReader(item, path: "/database/migrations")
            migrations[try nested.integer("number")] = try nested.string("sha256")
        }
        database = SnapshotFacts(
            takenAt: try facts.time("takenAt"), storeID: try facts.string("storeId"),
            postgresMajor: try facts.integer("postgresql"), migrations: migrations,
            hypertables: try facts.list("hypertables"))
        items = try reader.list("items")
    }

    package var json: JSONValue {
        let migrations: [JSONValue] = database.migrations.sorted { $0.key < $1.key }.map {
            ["number": .integer($0.key), "sha256": .string($0.value)]
        }
        return [
            "database": [
                "takenAt": .time(database.takenAt), "storeId": .string(database.storeID),
                "postgresql": .integer(database.postgresMajor), "schemaVersion": .integer(database.schemaVersion),
                "migrations": .array(migrations), "hypertables": database.hypertables.json,
            ],
            "rows": .integer(rows), "bytes": .integer(bytes), "items": items.json,
        ]
    }
}

extension Hypertable: JSONCodable {
    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json, path: "/database/hypertables")
        self.init(
            schema: try reader.string("schema"), name: try reader.string("name"), column: try reader.string("column"),
            width: try reader.string("width"))
    }

    package var json: JSONValue {
        ["schema": .string(schema), "name": .string(name), "column": .string(column), "width": .string(width)]
    }
}
