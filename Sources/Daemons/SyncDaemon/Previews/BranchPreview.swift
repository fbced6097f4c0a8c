package import Declarations
package import Reconciliation
package import Telemetry

/// The plan of a branch that is not enforced, or why there is none.
package struct BranchPreview: Hashable, Sendable {
    package var branch: String
    /// The commit that was planned.
    package var head: String
    /// The accepted commit that it was planned beside; nil where there was none.
    package var acceptedCommit: String?
    package var plannedAt: Timestamp
    package var report: RunReport?
    package var error: String?

    package init(
        branch: String, head: String, acceptedCommit: String?, plannedAt: Timestamp, report: RunReport? = nil,
        error: String? = nil
    ) {
        self.branch = branch
        self.head = head
        self.acceptedCommit = acceptedCommit
        self.plannedAt = plannedAt
        self.report = report
        self.error = error
    }

    /// What the plan comes to, in one word.
    package var verdict: Verdict {
        guard let report else { return .failed }
        if !report.problems.isEmpty { return .invalid }
        if report.targets.contains(where: { $0.state == .unknown }) { return .unknown }
        if !report.refusals.isEmpty { return .refused }
        return report.changes.contains { $0.result == .planned && $0.action != .record } ? .changes : .nothing
    }

    package enum Verdict: String, CaseIterable, Hashable, Sendable {
        case nothing, changes, refused, invalid, unknown, failed
    }
}

extension BranchPreview: JSONCodable {
    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        branch = try reader.string("branch")
        head = try reader.string("head")
        acceptedCommit = try reader.optionalString("acceptedCommit")
        plannedAt = try reader.time("plannedAt")
        report = try reader.optionalValue("report")
        error = try reader.optionalString("error")
    }

    package var json: JSONValue {
        .object(compacting: [
            "branch": .string(branch), "head": .string(head), "acceptedCommit": acceptedCommit.map(JSONValue.string),
            "plannedAt": .time(plannedAt), "verdict": .string(verdict.rawValue), "report": report?.json,
            "error": error.map(JSONValue.string),
        ])
    }
}

/// All previews of one round.
package struct PreviewSet: Hashable, Sendable, JSONCodable {
    package var previews: [BranchPreview]
    /// Branches that match and are too many.
    package var leftOff: [String]

    package init(previews: [BranchPreview] = [], leftOff: [String] = []) {
        self.previews = previews
        self.leftOff = leftOff
    }

    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        previews = try reader.list("previews")
        leftOff = try reader.strings("leftOff")
    }

    package var json: JSONValue {
        [
            "version": 1, "previews": .array(previews.map(\.json)),
            "leftOff": .array(leftOff.map(JSONValue.string)),
        ]
    }
}
