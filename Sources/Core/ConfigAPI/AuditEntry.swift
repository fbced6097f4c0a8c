package import Declarations
import Telemetry

/// One recorded change of one resource, whoever made it: an item of `GET /v1/config/audit`.
package struct AuditEntry: Hashable, Sendable, JSONCodable {
    package var id: Int
    package var generation: Int
    /// As stored: a kind written by hand may be one that nobody knows.
    package var kind: String
    package var name: String
    /// `insert`, `update`, `delete` or `truncate`.
    package var operation: String
    package var before: JSONValue?
    package var after: JSONValue?
    package var changedBy: ChangedBy

    package init(
        id: Int, generation: Int, kind: String, name: String, operation: String, before: JSONValue?, after: JSONValue?,
        changedBy: ChangedBy
    ) {
        self.id = id
        self.generation = generation
        self.kind = kind
        self.name = name
        self.operation = operation
        self.before = before
        self.after = after
        self.changedBy = changedBy
    }

    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        id = try reader.integer("id")
        generation = try reader.integer("generation")
        kind = try reader.string("kind")
        name = try reader.string("name")
        operation = try reader.string("operation")
        before = reader.optional("before")
        after = reader.optional("after")
        changedBy = try reader.value("changedBy")
    }

    package var json: JSONValue {
        .object(compacting: [
            "id": .integer(id), "generation": .integer(generation), "kind": .string(kind), "name": .string(name),
            "operation": .string(operation), "before": before, "after": after, "changedBy": changedBy.json,
        ])
    }
}
