import Alerting
import ConfigAPI
import Database
import Declarations
import Runtime
import Telemetry

/// The notice of one transition, in words: what happened, to what, and by whom.
struct ReconcilerNotice {
    let record: ReconcilerStore.Record
    let condition: ReconcilerCondition
    /// Whether the condition begins; else it ends.
    let begins: Bool
    /// The report that says more; nil where there is none or it has not come.
    let report: JSONValue?
    let at: Timestamp

    /// What people can read at a glance; the report has all.
    private static let mostNamed = 5

    var notification: Notification {
        let told: ReconcilerStore.Record.Told? = record.told[condition.rawValue]
        return Notification(
            dedupeKey: key, event: begins ? .firing : .resolved, rule: "gitops.\(condition.rawValue)",
            severity: begins ? severity : .info, labels: ["source": record.source, "host": record.host],
            annotations: annotations, value: nil, activeSince: begins ? at : told?.since ?? at, at: at,
            provenance: nil)
    }

    /// The same however often it is written.
    private var key: String {
        let text = "\(record.source) \(condition.rawValue) \(begins) \(at.microseconds)"
        return hexadecimal(Digests.sha256(Array(text.utf8)).prefix(16))
    }

    private var severity: AlertRuleSpec.Severity {
        switch condition {
        case .stalled, .rolledBack: .critical
        case .refused, .drift: .warning
        }
    }

    private var annotations: [String: String] {
        var annotations: [String: String] = ["summary": begins ? beginning : ending]
        if begins, let id = condition.report(of: record) { annotations["report"] = id }
        return annotations
    }

    private var beginning: String {
        switch condition {
        case .stalled:
            "gitops-sync on \(record.host) has completed no run since \(record.completedAt.rfc3339): what runs is no longer "
                + "held to git"
        case .refused: "\(commit ?? "the newest commit") is refused\(reasons); the last good commit stays enforced"
        case .rolledBack: "\(commit ?? "the newest commit") was rolled back\(reasons)"
        case .drift: drift
        }
    }

    private var ending: String {
        switch condition {
        case .stalled: "gitops-sync on \(record.host) completes runs again"
        case .refused: "commit \(accepted) is enforced, and no newer one is refused"
        case .rolledBack: "commit \(accepted) is enforced"
        case .drift: "nothing was changed outside git for \(ReconcilerCondition.quiet)"
        }
    }

    private var accepted: String { record.commit.map { String($0.id.prefix(10)) } ?? "none" }

    private var commit: String? {
        let named: JSONValue? = report?["refusedCommit"] ?? report?["commit"]
        guard let named, let id = named["id"]?.string else { return nil }
        return
            "commit \(id.prefix(10)) \"\(named["subject"]?.string ?? "")\" by \(named["author"]?.string ?? "somebody")"
    }

    private var reasons: String {
        let problems: [String] = (report?["problems"]?.array ?? []).map { problem in
            let place: String = [
                problem["file"]?.string ?? "", "\(problem["line"]?.integer ?? 0)", "\(problem["column"]?.integer ?? 0)",
            ].joined(separator: ":")
            return "\(place): \(problem["message"]?.string ?? "")"
        }
        let guards: [String] = (report?["refusals"]?.array ?? []).compactMap { $0["message"]?.string }
        let all: [String] = problems + guards
        return all.isEmpty ? "" : ": " + Self.listing(all, separator: "; ")
    }

    private var drift: String {
        let changes: [JSONValue] = (report?["changes"]?.array ?? []).filter {
            $0["cause"]?.array?.contains("drift") == true && $0["result"]?.string != "ignored"
        }
        let texts: [String] = changes.map { change in
            let host: String = change["host"]?.string.map { " on \($0)" } ?? ""
            let who: String = change["changedBy"]?["who"]?.string ?? "somebody unknown"
            let via: String = change["changedBy"]?["via"]?.string ?? "unknown means"
            let result: String = change["result"]?.string == "applied" ? "corrected" : change["result"]?.string ?? ""
            return
                "\(change["kind"]?.string ?? "")/\(change["name"]?.string ?? "")\(host) by \(who) via \(via) (\(result))"
        }
        return "changed outside git: "
            + (texts.isEmpty ? "see the report" : Self.listing(texts, separator: ", "))
    }

    private static func listing(_ texts: [String], separator: String) -> String {
        let rest: Int = texts.count - mostNamed
        return texts.prefix(mostNamed).joined(separator: separator) + (rest > 0 ? " and \(rest) more" : "")
    }
}
