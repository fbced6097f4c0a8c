package import Declarations
import Telemetry

extension RunReport: JSONCodable {
    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        let version: Int = try reader.integer("version")
        guard version == Self.version else { throw reader.error("version", "expected \(Self.version), got \(version)") }
        self.init(
            id: try reader.string("id"), host: try reader.string("host"), trigger: try reader.choice("trigger"),
            mode: try reader.choice("mode"), startedAt: try reader.time("startedAt"),
            repository: try reader.string("repository"), branch: try reader.string("branch"))
        finishedAt = try reader.time("finishedAt")
        commit = try reader.optionalValue("commit")
        previousCommit = try reader.optionalString("previousCommit")
        refusedCommit = try reader.optionalValue("refusedCommit")
        waitingCommit = try reader.optionalValue("waitingCommit")
        enforcement = try reader.optionalValue("enforcement")
        outcome = try reader.choice("outcome")
        declaredDigest = try reader.optionalString("declaredDigest")
        liveDigest = try reader.optionalString("liveDigest")
        problems = try reader.list("problems")
        refusals = try reader.list("refusals")
        permissions = try reader.strings("permissions").compactMap(Permission.init(rawValue:))
        signers = try reader.strings("signers")
        changes = try reader.list("changes")
        contested = try reader.list("contested")
        drift = try reader.list("drift")
        targets = try reader.list("targets")
        foreign = try reader.strings("foreign")
        kept = try reader.strings("kept")
        notices = try reader.strings("notices")
        errors = try reader.strings("errors")
        count = try reader.optionalInteger("count") ?? 1
        lastFinishedAt = try reader.optionalTime("lastFinishedAt") ?? finishedAt
    }

    package var json: JSONValue {
        var members: [String: JSONValue] = [
            "version": .integer(Self.version), "id": .string(id), "host": .string(host),
            "trigger": .string(trigger.rawValue), "mode": .string(mode.rawValue), "startedAt": .time(startedAt),
            "finishedAt": .time(finishedAt), "repository": .string(repository), "branch": .string(branch),
            "outcome": .string(outcome.rawValue), "problems": problems.json, "changes": changes.json,
            "targets": targets.json, "count": .integer(count), "lastFinishedAt": .time(lastFinishedAt),
        ]
        members["commit"] = commit?.json ?? .null
        members["previousCommit"] = previousCommit.map(JSONValue.string) ?? .null
        members["refusedCommit"] = refusedCommit?.json
        members["waitingCommit"] = waitingCommit?.json
        members["enforcement"] = enforcement?.json
        if !contested.isEmpty { members["contested"] = contested.json }
        if !drift.isEmpty { members["drift"] = drift.json }
        members["declaredDigest"] = declaredDigest.map(JSONValue.string) ?? .null
        members["liveDigest"] = liveDigest.map(JSONValue.string) ?? .null
        if !refusals.isEmpty { members["refusals"] = refusals.json }
        if !permissions.isEmpty { members["permissions"] = .array(permissions.map { .string($0.rawValue) }) }
        if !foreign.isEmpty { members["foreign"] = .array(foreign.map(JSONValue.string)) }
        if !kept.isEmpty { members["kept"] = .array(kept.map(JSONValue.string)) }
        if !signers.isEmpty { members["signers"] = .array(signers.map(JSONValue.string)) }
        if !notices.isEmpty { members["notices"] = .array(notices.map(JSONValue.string)) }
        if !errors.isEmpty { members["errors"] = .array(errors.map(JSONValue.string)) }
        return .object(members)
    }
}
