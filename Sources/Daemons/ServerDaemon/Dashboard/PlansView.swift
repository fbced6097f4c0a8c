import Declarations
import Telemetry

/// The page of branches that are planned and not enforced.
struct PlansView {
    var plans: [Plan]
    /// The names of branches that were too many; nil where there are none.
    var leftOff: String?

    /// One branch. Read from the stored JSON, so that plans of other versions still show.
    struct Plan {
        var source: String
        var branch: String
        var shortHead: String
        var subject: String?
        var author: String?
        var when: String
        var verdict: String
        var `class`: String
        var error: String?
        var problems: [String]
        var refusals: [String]
        var changes: [ChangeView]
        var more: String?
    }

    private static let mostChanges = 50

    init(_ sets: [PlannedBranches], now: Timestamp) {
        plans = sets.flatMap { set in set.previews.map { Plan($0, source: set.source, now: now) } }
        let rest: [String] = sets.flatMap(\.leftOff)
        leftOff = rest.isEmpty ? nil : rest.joined(separator: ", ")
    }
}

/// What one gitops-sync planned last.
struct PlannedBranches: Sendable {
    var source: String
    var previews: [JSONValue]
    var leftOff: [String]
}

extension PlansView.Plan {
    fileprivate init(_ preview: JSONValue, source: String, now: Timestamp) {
        let report: JSONValue? = preview["report"]
        let planned: [JSONValue] = report?["changes"]?.array ?? []
        self.source = source
        branch = preview["branch"]?.string ?? ""
        shortHead = Wording.short(preview["head"]?.string ?? "")
        subject = report?["commit"]?["subject"]?.string
        author = report?["commit"]?["author"]?.string
        let at: Timestamp? = (preview["plannedAt"]?.string).flatMap { Timestamp(rfc3339: $0) }
        when = at.map { Wording.ago($0, now: now) } ?? "at an unknown time"
        (verdict, `class`) = Self.verdict(preview["verdict"]?.string ?? "unknown", changes: planned.count)
        error = preview["error"]?.string
        problems = (report?["problems"]?.array ?? []).map(ReportView.problem)
        refusals = (report?["refusals"]?.array ?? []).map { refusal in
            "refused by guard \(refusal["guard"]?.string ?? ""): \(refusal["message"]?.string ?? "")"
        }
        changes = planned.prefix(PlansView.mostChanges).map { ChangeView($0, showsNewFields: false) }
        let rest: Int = planned.count - PlansView.mostChanges
        more = rest > 0 ? "\(rest)" : nil
    }

    private static func verdict(_ name: String, changes: Int) -> (text: String, badge: String) {
        switch name {
        case "nothing": ("changes nothing", "good")
        case "changes": ("\(changes) \(changes == 1 ? "change" : "changes")", "good")
        case "refused", "invalid", "failed": (name, "bad")
        default: (name, "warn")
        }
    }
}
