package import Declarations
import Telemetry

extension Enforcement {
    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        self = .plain
        serial = try reader.integer("serial")
        if let item = reader.optional("suspended") {
            let nested = try JSONObjectReader(item, path: "/suspended")
            suspension = Suspension(
                by: try nested.string("by"), at: try nested.time("at"), reason: try nested.optionalString("reason"))
        }
        if let item = reader.optional("pinned") {
            let nested = try JSONObjectReader(item, path: "/pinned")
            pin = Pin(
                commit: try nested.string("commit"),
                permissions: Set(try nested.strings("allow").compactMap(Permission.init(rawValue:))),
                by: try nested.string("by"), at: try nested.time("at"), reason: try nested.optionalString("reason"))
        }
        for item in try reader.array("tolerated") {
            let nested = try JSONObjectReader(item, path: "/tolerated")
            // One of a kind that this program does not know yet concerns nothing that it does.
            guard let resource = ResourceKey(try nested.string("resource")) else { continue }
            tolerations.append(
                Toleration(
                    resource: resource, by: try nested.string("by"), at: try nested.time("at"),
                    until: try nested.time("until"), reason: try nested.string("reason")))
        }
    }

    package var json: JSONValue {
        .object(compacting: [
            "serial": .integer(serial), "suspended": suspension?.json, "pinned": pin?.json,
            "tolerated": tolerations.isEmpty ? nil : .array(tolerations.map(\.json)),
        ])
    }

}

extension Enforcement.Suspension {
    var json: JSONValue {
        .object(compacting: ["by": .string(by), "at": .time(at), "reason": reason.map(JSONValue.string)])
    }
}

extension Enforcement.Pin {
    var json: JSONValue {
        .object(compacting: [
            "commit": .string(commit), "by": .string(by), "at": .time(at), "reason": reason.map(JSONValue.string),
            "allow": permissions.isEmpty ? nil : .array(permissions.map(\.rawValue).sorted().map(JSONValue.string)),
        ])
    }
}

extension Enforcement.Toleration {
    var json: JSONValue {
        [
            "resource": .string(resource.description), "by": .string(by), "at": .time(at), "until": .time(until),
            "reason": .string(reason),
        ]
    }
}
