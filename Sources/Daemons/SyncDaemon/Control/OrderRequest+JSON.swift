import Declarations
import Reconciliation
import Telemetry

extension OrderRequest {
    static let commands: Set<String> = ["suspend", "resume", "pin", "unpin", "tolerate", "endToleration"]

    init(_ reader: JSONObjectReader) throws(JSONFormError) {
        switch try reader.string("command") {
        case "suspend": self = .suspend(reason: try reader.optionalString("reason"))
        case "resume": self = .resume
        case "pin":
            var permissions: Set<Permission> = []
            for name in try reader.strings("allow") {
                guard let permission = Permission(rawValue: name) else {
                    throw reader.error("allow", "unknown permission \"\(name)\"")
                }
                permissions.insert(permission)
            }
            self = .pin(
                revision: try reader.string("revision"), permissions: permissions,
                reason: try reader.optionalString("reason"))
        case "unpin": self = .unpin
        case "tolerate":
            let text: String = try reader.string("for")
            guard let span = PromDuration(text) else {
                throw reader.error("for", "expected a duration such as 2h, got \"\(text)\"")
            }
            self = .tolerate(
                resource: try reader.string("resource"), span: span, reason: try reader.string("reason"))
        case "endToleration": self = .endToleration(resource: try reader.string("resource"))
        case let other: throw reader.error("command", "unknown order \"\(other)\"")
        }
    }

    var json: JSONValue {
        switch self {
        case .suspend(let reason):
            .object(compacting: ["command": "suspend", "reason": reason.map(JSONValue.string)])
        case .resume: ["command": "resume"]
        case .pin(let revision, let permissions, let reason):
            .object(compacting: [
                "command": "pin", "revision": .string(revision), "reason": reason.map(JSONValue.string),
                "allow": .array(permissions.map(\.rawValue).sorted().map(JSONValue.string)),
            ])
        case .unpin: ["command": "unpin"]
        case .tolerate(let resource, let span, let reason):
            [
                "command": "tolerate", "resource": .string(resource), "for": .string(span.description),
                "reason": .string(reason),
            ]
        case .endToleration(let resource): ["command": "endToleration", "resource": .string(resource)]
        }
    }
}
