import Declarations
import Testing

@Suite struct JSONSchemaTests {
    @Test func everyKindAndFieldIsDescribed() throws {
        let schema: JSONValue = manifestJSONSchema()
        for kind in ResourceKind.allCases {
            let definition = try #require(schema["$defs"]?[kind.rawValue])
            #expect(definition["description"]?.string?.isEmpty == false)
            #expect(definition["additionalProperties"] == false)
            let properties = try #require(definition["properties"]?.object)
            #expect(Set(properties.keys) == Set(kind.schema.fields.map(\.name)))
            for (name, property) in properties {
                #expect(property["description"]?.string?.isEmpty == false, "\(kind) \(name)")
            }
        }
        #expect(schema["allOf"]?.array?.count == ResourceKind.allCases.count)
    }

    @Test func theSchemaOfANotifierSaysWhatDecodingHolds() {
        let notifier: JSONValue? = manifestJSONSchema()["$defs"]?["Notifier"]
        #expect(notifier?["required"] == ["type"])
        #expect(notifier?["allOf"] == [["oneOf": [["required": ["url"]], ["required": ["secretRef"]]]]])
        #expect(notifier?["properties"]?["type"]?["enum"] == ["webhook"])
        #expect(notifier?["properties"]?["sendResolved"]?["default"] == true)
    }
}
