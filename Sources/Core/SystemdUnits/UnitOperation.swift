package import Declarations

/// What can be asked of the helper, one thing at a time. There is nothing else that it can do.
package enum UnitOperation: Hashable, Sendable, JSONCodable, CustomStringConvertible {
    /// Make the drop-in of a unit hold these settings alone; without any it is removed.
    case settings(unit: String, [UnitSetting: JSONValue])
    /// systemd is to read its files again.
    case reload
    case change(Verb, unit: String)

    package enum Verb: String, CaseIterable, Hashable, Sendable {
        case enable, disable, unmask, start, stop, restart
    }

    package var unit: String? {
        switch self {
        case .settings(let unit, _), .change(_, let unit): unit
        case .reload: nil
        }
    }

    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        switch try reader.string("operation") {
        case "settings":
            let unit: String = try reader.string("unit")
            let spec: JSONValue = ["unit": .string(unit), "settings": reader.optional("settings") ?? [:]]
            self = .settings(unit: unit, try Self.checkedSettings(spec))
        case "reload": self = .reload
        default: self = .change(try reader.choice("operation"), unit: try reader.string("unit"))
        }
    }

    /// Decoded as a manifest is: names and values outside the closed list do not pass.
    private static func checkedSettings(_ spec: JSONValue) throws(JSONFormError) -> [UnitSetting: JSONValue] {
        var whole: [String: JSONValue] = spec.object ?? [:]
        whole["enabled"] = true
        let decoder = ResourceDecoder(sha256: { _ in [] })
        switch decoder.resource(kind: .unit, name: "unit", spec: .object(whole)) {
        case .failure(let errors): throw JSONFormError(message: errors.description)
        case .success(let decoded):
            guard case .unit(let checked) = decoded.spec else { throw JSONFormError(message: "not a unit") }
            return checked.settings
        }
    }

    package var json: JSONValue {
        switch self {
        case .settings(let unit, let settings):
            let members = Dictionary(uniqueKeysWithValues: settings.map { ($0.key.rawValue, $0.value) })
            return ["operation": "settings", "unit": .string(unit), "settings": .object(members)]
        case .reload: return ["operation": "reload"]
        case .change(let verb, let unit): return ["operation": .string(verb.rawValue), "unit": .string(unit)]
        }
    }

    package var description: String {
        switch self {
        case .settings(let unit, let settings):
            "\(settings.isEmpty ? "remove" : "write") the drop-in of \(unit)"
        case .reload: "daemon-reload"
        case .change(let verb, let unit): "\(verb.rawValue) \(unit)"
        }
    }
}

/// What the helper answers: nothing, where it was done, or why it was not.
package struct UnitAnswer: Hashable, Sendable, JSONCodable {
    package var error: String?

    package init(error: String? = nil) { self.error = error }

    package init(json: JSONValue) throws(JSONFormError) {
        error = try JSONObjectReader(json).optionalString("error")
    }

    package var json: JSONValue {
        .object(compacting: ["done": .bool(error == nil), "error": error.map(JSONValue.string)])
    }
}
