package import Declarations

/// Where a sequence stands.
package struct SequencePosition: Hashable, Sendable, JSONCodable {
    package var schema: String
    package var name: String
    package var last: Int
    /// False for one that was never asked: its next number is `last` itself.
    package var isCalled: Bool

    package init(schema: String, name: String, last: Int, isCalled: Bool) {
        self.schema = schema
        self.name = name
        self.last = last
        self.isCalled = isCalled
    }

    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        schema = try reader.string("schema")
        name = try reader.string("name")
        last = try reader.integer("last")
        isCalled = try reader.bool("called", default: true)
    }

    package var json: JSONValue {
        ["schema": .string(schema), "name": .string(name), "last": .integer(last), "called": .bool(isCalled)]
    }
}
