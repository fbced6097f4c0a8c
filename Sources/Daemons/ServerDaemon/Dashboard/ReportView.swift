import Declarations
import StoreService
import Telemetry

/// A drift report as its template shows it. Read from the stored JSON, so that reports of other versions still show.
struct ReportView {
    var id: String
    var outcomeText: String
    var outcomeClass: String
    var headline: String
    var when: String
    var shortId: String?
    var subject: String?
    var trigger: String
    var problems: [String]
    var changes: [ChangeView]
    var more: String?

    /// `showsNewFields` lists the fields of resources that are new; a summary leaves them out, since all of them are.
    init(_ report: JSONValue, now: Timestamp, mostChanges: Int, showsNewFields: Bool) {
        let outcome: String = report["outcome"]?.string ?? "unknown"
        let changes: [JSONValue] = report["changes"]?.array ?? []
        id = report["id"]?.string ?? ""
        (outcomeText, outcomeClass) = Self.outcome(outcome)
        problems = (report["problems"]?.array ?? []).map(Self.problem)
        headline = Self.headline(changes, problems: problems.count, outcome: outcome)
        let finished: Timestamp? = (report["finishedAt"]?.string).flatMap { Timestamp(rfc3339: $0) }
        when = finished.map { Wording.ago($0, now: now) } ?? "at an unknown time"
        shortId = (report["commit"]?["id"]?.string).map(Wording.short)
        subject = report["commit"]?["subject"]?.string
        trigger = "trigger: \(report["trigger"]?.string ?? "unknown")"
        self.changes = changes.prefix(mostChanges).map { ChangeView($0, showsNewFields: showsNewFields) }
        more = changes.count > mostChanges ? "\(changes.count - mostChanges)" : nil
    }

    static func outcome(_ name: String) -> (text: String, badge: String) {
        switch name {
        case "inSync": ("in sync", "good")
        case "applied": ("applied", "good")
        case "corrected": ("drift corrected", "warn")
        case "drifted": ("drifted", "warn")
        case "incomplete": ("incomplete", "warn")
        case "rolledBack": ("rolled back", "bad")
        case "refused": ("refused", "bad")
        case "failed": ("failed", "bad")
        default: (name, "muted")
        }
    }

    static func problem(_ problem: JSONValue) -> String {
        let message: String = problem["message"]?.string ?? ""
        guard let file = problem["file"]?.string, !file.isEmpty else { return message }
        return "\(file):\(problem["line"]?.integer ?? 0):\(problem["column"]?.integer ?? 0): \(message)"
    }

    private static func headline(_ changes: [JSONValue], problems: Int, outcome: String) -> String {
        guard let first = changes.first else {
            if problems > 0 { return "\(problems) \(problems == 1 ? "problem" : "problems")" }
            return outcome == "inSync" ? "Everything runs as git says" : "No change"
        }
        let name = "\(first["kind"]?.string ?? "")/\(first["name"]?.string ?? "")"
        let verb: String = causes(of: first).contains("drift") ? "drift of" : first["action"]?.string ?? "change of"
        return changes.count == 1 ? "\(verb) \(name)" : "\(verb) \(name) and \(changes.count - 1) more"
    }

    static func causes(of change: JSONValue) -> [String] {
        if let one = change["cause"]?.string { return [one] }
        return (change["cause"]?.array ?? []).compactMap(\.string)
    }
}

/// One change of a report.
struct ChangeView {
    var kind: String
    var name: String
    var host: String?
    var action: String
    var cause: String
    var result: String?
    var error: String?
    var changedBy: String?
    var hasFields: Bool
    var fields: [Field]

    struct Field {
        var path: String
        var live: String
        var declared: String
    }

    init(_ change: JSONValue, showsNewFields: Bool) {
        kind = change["kind"]?.string ?? ""
        name = change["name"]?.string ?? ""
        host = change["host"]?.string
        action = change["action"]?.string ?? ""
        cause = ReportView.causes(of: change).joined(separator: " and ")
        result = change["result"]?.string
        error = change["error"]?.string
        changedBy = change["changedBy"].flatMap(Self.author)
        let isListed: Bool = showsNewFields || action != "create"
        fields = (isListed ? change["fields"]?.array ?? [] : []).map { field in
            Field(
                path: field["path"]?.string ?? "", live: Self.text(field["live"]),
                declared: Self.text(field["declared"]))
        }
        hasFields = !fields.isEmpty
    }

    static func author(_ changedBy: JSONValue) -> String? {
        guard changedBy.object != nil else { return nil }
        let who: String = changedBy["who"]?.string ?? "an unknown writer"
        let via: String = changedBy["via"]?.string ?? "unknown"
        let instant: Timestamp? = (changedBy["at"]?.string).flatMap { Timestamp(rfc3339: $0) }
        let at: String = instant.map { " at \(Wording.second($0))" } ?? ""
        return "\(who)\(at) via \(via)"
    }

    private static func text(_ value: JSONValue?) -> String {
        switch value {
        case nil, .null?: "absent"
        case .string(let text)?: text
        case let other?: other.canonicalText
        }
    }
}
