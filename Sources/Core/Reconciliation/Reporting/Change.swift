package import ConfigAPI
package import Declarations

/// One change as a report tells it: the step of the plan and what became of it.
package struct Change: Hashable, Sendable, JSONCodable {
    package var target: TargetName
    package var host: String?
    package var kind: String
    package var name: String
    package var action: Step.Action
    package var causes: [Cause]
    package var fields: [FieldChange]
    /// Who made the difference; for drift.
    package var changedBy: ChangedBy?
    /// The commit that asked for it; for changes of git.
    package var commit: String?
    package var file: String?
    package var line: Int?
    package var renamed: String?
    /// What would become of data: the partitions that a shorter retention lets go.
    package var evidence: [String]
    package var result: Result
    package var error: String?
    package var milliseconds: Int?

    package enum Result: String, CaseIterable, Hashable, Sendable {
        /// Shown by `plan`; nothing was done.
        case planned
        /// Done, and seen when the target was read again.
        case applied
        /// Done, and not yet seen on the target.
        case unverified
        case failed
        /// Left in place: the reconciler observes, or the manifest says `report`.
        case reported
        /// A person said that it stays for a while.
        case tolerated
        /// Left for a while, because somebody undoes each correction.
        case contested
        /// The manifest says `ignore`, or the resource is foreign.
        case ignored
        case refused
    }

    package init(_ step: Step, revision: String, result: Result) {
        target = step.target
        host = step.host
        kind = step.kind
        name = step.name
        action = step.action
        causes = step.causes
        fields = step.fields
        changedBy = step.changedBy
        commit = step.causes.contains { $0 != .drift } ? revision : nil
        file = step.file
        line = step.line
        renamed = step.renamed
        evidence = []
        self.result = result
    }

    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        target = try reader.choice("target")
        host = try reader.optionalString("host")
        kind = try reader.string("kind")
        name = try reader.string("name")
        action = try reader.choice("action")
        causes = try reader.strings("cause").compactMap(Cause.init(rawValue:))
        fields = try reader.list("fields")
        changedBy = try reader.optionalValue("changedBy")
        commit = try reader.optionalString("commit")
        file = try reader.optionalString("file")
        line = try reader.optionalInteger("line")
        renamed = try reader.optionalString("renamed")
        evidence = try reader.strings("evidence")
        result = try reader.choice("result")
        error = try reader.optionalString("error")
        milliseconds = try reader.optionalInteger("milliseconds")
    }

    package var json: JSONValue {
        .object(compacting: [
            "target": .string(target.rawValue), "host": host.map(JSONValue.string), "kind": .string(kind),
            "name": .string(name), "action": .string(action.rawValue),
            "cause": .array(causes.map { .string($0.rawValue) }), "fields": fields.json, "changedBy": changedBy?.json,
            "commit": commit.map(JSONValue.string), "file": file.map(JSONValue.string),
            "line": line.map { .integer($0) },
            "renamed": renamed.map(JSONValue.string),
            "evidence": evidence.isEmpty ? nil : .array(evidence.map(JSONValue.string)),
            "result": .string(result.rawValue),
            "error": error.map(JSONValue.string), "milliseconds": milliseconds.map { .integer($0) },
        ])
    }
}

extension Step.Treatment {
    /// What becomes of a step that is not applied; nil for one that is.
    package var resultUnlessApplied: Change.Result? {
        switch self {
        case .apply: nil
        case .leave(.tolerated): .tolerated
        case .leave(.contested): .contested
        case .leave(.observe), .leave(.report): .reported
        case .ignore: .ignored
        case .refuse: .refused
        }
    }
}
