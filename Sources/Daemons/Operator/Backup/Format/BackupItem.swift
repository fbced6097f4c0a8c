package import Declarations

/// One thing that a backup holds: it stands before the item's parts as `head.json`.
package enum BackupItem: Hashable, Sendable {
    /// What `pg_dump --schema-only --format=custom` wrote.
    case schema
    /// The rows of a table as `COPY … (FORMAT binary)` gives them.
    case table(schema: String, name: String, columns: [String])
    /// Where the sequences stand, as JSON.
    case sequences
    /// The config repository as a git bundle of all its refs.
    case repository
    /// A file of the data directory, by its path in there.
    case file(path: String, mode: UInt32)

    /// Fit for a name in the archive: says what it is, without being relied on.
    package var label: String {
        switch self {
        case .schema: "schema"
        case .table(let schema, let name, _): "\(schema).\(name)"
        case .sequences: "sequences"
        case .repository: "config.git"
        case .file(let path, _): path
        }
    }

    /// For messages.
    package var title: String {
        switch self {
        case .table(let schema, let name, _): "table \(schema).\(name)"
        case .file(let path, _): "file \(path)"
        case .schema: "the schema"
        case .sequences: "the sequences"
        case .repository: "config.git"
        }
    }
}

extension BackupItem: JSONCodable {
    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        let type: String = try reader.string("type")
        switch type {
        case "schema": self = .schema
        case "sequences": self = .sequences
        case "repository": self = .repository
        case "table":
            var columns: [String] = []
            for column in try reader.array("columns") {
                guard let name = column.string else { throw reader.error("columns", "expected texts") }
                columns.append(name)
            }
            self = .table(schema: try reader.string("schema"), name: try reader.string("name"), columns: columns)
        case "file":
            guard let mode = UInt32(exactly: try reader.integer("mode")), mode <= 0o7777 else {
                throw reader.error("mode", "is no file mode")
            }
            self = .file(path: try reader.string("path"), mode: mode)
        default: throw reader.error("type", "unknown kind of item \"\(type)\"; a newer plumb may know it")
        }
    }

    package var json: JSONValue {
        switch self {
        case .schema: ["type": "schema"]
        case .sequences: ["type": "sequences"]
        case .repository: ["type": "repository"]
        case .table(let schema, let name, let columns):
            [
                "type": "table", "schema": .string(schema), "name": .string(name),
                "columns": .array(columns.map(JSONValue.string)),
            ]
        case .file(let path, let mode): ["type": "file", "path": .string(path), "mode": .integer(Int(mode))]
        }
    }
}

/// What became of an item, written at the archive's end.
package struct ItemRecord: Hashable, Sendable, JSONCodable {
    package var item: BackupItem
    /// Of its content, before compression.
    package var bytes: Int
    /// Of a table.
    package var rows: Int?
    /// SHA-256 of the content, in hex.
    package var digest: String

    package init(item: BackupItem, bytes: Int, rows: Int?, digest: String) {
        self.item = item
        self.bytes = bytes
        self.rows = rows
        self.digest = digest
    }

    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        item = try BackupItem(json: reader.optional("item") ?? .null)
        bytes = try reader.integer("bytes")
        rows = try reader.optionalInteger("rows")
        digest = try reader.string("sha256")
    }

    package var json: JSONValue {
        .object(compacting: [
            "item": item.json, "bytes": .integer(bytes), "rows": rows.map { .integer($0) }, "sha256": .string(digest),
        ])
    }
}
