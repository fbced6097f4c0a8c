package import Declarations

/// Where drift happens: a resource in a store, or on one host.
package struct DriftSubject: Hashable, Sendable, Comparable, CustomStringConvertible {
    package var target: TargetName
    /// The host, for agents.
    package var host: String?
    package var kind: String
    package var name: String

    package init(target: TargetName, host: String? = nil, kind: String, name: String) {
        self.target = target
        self.host = host
        self.kind = kind
        self.name = name
    }

    package static func < (left: DriftSubject, right: DriftSubject) -> Bool {
        left.text.utf8.lexicographicallyPrecedes(right.text.utf8)
    }

    private var text: String { "\(target.rawValue) \(host ?? "") \(kind)/\(name)" }

    /// For people: `Kind/name`, with the host where there is one.
    package var description: String { "\(kind)/\(name)" + (host.map { " on \($0)" } ?? "") }

    init(_ reader: JSONObjectReader) throws(JSONFormError) {
        target = try reader.choice("target")
        host = try reader.optionalString("host")
        kind = try reader.string("kind")
        name = try reader.string("name")
    }

    var members: [String: JSONValue?] {
        [
            "target": .string(target.rawValue), "host": host.map(JSONValue.string), "kind": .string(kind),
            "name": .string(name),
        ]
    }
}

extension Step {
    package var subject: DriftSubject { DriftSubject(target: target, host: host, kind: kind, name: name) }
    var driftedPaths: [String] { Reconciliation.driftedPaths(fields, action) }
}

extension Change {
    package var subject: DriftSubject { DriftSubject(target: target, host: host, kind: kind, name: name) }
    var driftedPaths: [String] { Reconciliation.driftedPaths(fields, action) }
}

/// The fields in which somebody made live differ from git; an empty path stands for the resource as a whole.
private func driftedPaths(_ fields: [FieldChange], _ action: Step.Action) -> [String] {
    let moved: [String] = fields.filter { $0.causes.isEmpty || $0.causes.contains(.drift) }.map(\.path)
    return action == .update && !moved.isEmpty ? moved : [""]
}
