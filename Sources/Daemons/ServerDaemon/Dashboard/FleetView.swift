import Alerting
import ConfigAPI
import Declarations
import Reconciliation
import StoreService
import Telemetry

/// The page at `/`: a value that its template renders. Properties are stored, because the engine reads them by mirror.
struct FleetView {
    var commit: CommitView?
    var firingCount: Int
    var hasAlerts: Bool
    var alerts: [AlertView]
    var hostCount: Int
    var hosts: [HostCard]
    var reports: [ReportView]

    /// `charts` has one entry per chart of ``HostChart/fleet``: the values per host.
    init(
        hosts: [KnownHost], alerts: [DashboardAlert], reports: [JSONValue], charts: [[String: [Double?]]],
        now: Timestamp
    ) {
        commit = reports.first.map { CommitView($0, now: now) }
        self.alerts = alerts.map { AlertView($0, now: now) }
        hasAlerts = !alerts.isEmpty
        firingCount = alerts.count { $0.instance.state == .firing }
        hostCount = hosts.count
        // What needs a look comes first.
        self.hosts = hosts.sorted { ($0.status.urgency, $0.name) < ($1.status.urgency, $1.name) }
            .map { HostCard($0, charts: charts, now: now) }
        self.reports = reports.filter {
            $0["changes"]?.array?.isEmpty == false || $0["problems"]?.array?.isEmpty == false
        }
        .prefix(8).map { ReportView($0, now: now, mostChanges: 6, showsNewFields: false) }
    }
}

extension HostStatus {
    /// Smaller is more urgent.
    var urgency: Int {
        switch self {
        case .down: 0
        case .stale: 1
        case .unknown: 2
        case .ok: 3
        }
    }
}

/// The commit that is enforced, and how it stands.
struct CommitView {
    var shortId: String
    var subject: String
    var author: String
    var committedAgo: String
    var checkedAgo: String
    var outcomeText: String
    var outcomeClass: String
    var hasProblems: Bool
    var problems: [String]
    /// What people ordered, what is contested, and the commit that waits because of an order.
    var hasNotices: Bool
    var notices: [String]

    init(_ report: JSONValue, now: Timestamp) {
        let commit: JSONValue? = report["commit"]
        shortId = (commit?["id"]?.string).map(Wording.short) ?? "none"
        subject = commit?["subject"]?.string ?? "No commit is accepted yet"
        author = commit?["author"]?.string ?? "nobody"
        committedAgo = Self.ago(commit?["committedAt"], now)
        checkedAgo = Self.ago(report["lastFinishedAt"] ?? report["finishedAt"], now)
        (outcomeText, outcomeClass) = ReportView.outcome(report["outcome"]?.string ?? "unknown")
        problems = (report["problems"]?.array ?? []).map(ReportView.problem)
        hasProblems = !problems.isEmpty
        notices = Self.notices(report, now: now)
        hasNotices = !notices.isEmpty
    }

    private static func notices(_ report: JSONValue, now: Timestamp) -> [String] {
        var notices: [String] = []
        if let orders = report["enforcement"].flatMap({ try? Enforcement(json: $0) }) {
            notices += orders.lines(at: now)
        }
        if let waiting = report["waitingCommit"].flatMap({ try? CommitInfo(json: $0) }) {
            notices.append("waiting: commit \(waiting.text)")
        }
        notices += (report["contested"]?.array ?? []).compactMap { try? Contest(json: $0) }
            .map { "contested: \($0.text(ours: "gitops-sync"))" }
        return notices
    }

    private static func ago(_ time: JSONValue?, _ now: Timestamp) -> String {
        (time?.string).flatMap { Timestamp(rfc3339: $0) }.map { Wording.ago($0, now: now) } ?? "at an unknown time"
    }
}

struct AlertView {
    var state: String
    var `class`: String
    var rule: String
    var summary: String?
    var labels: String
    var value: String
    var since: String
    var around: String
    var provenance: String

    init(_ alert: DashboardAlert, now: Timestamp) {
        state = alert.instance.state.rawValue
        `class` = alert.instance.state == .firing ? "firing" : "pending"
        rule = alert.rule
        summary = alert.summary
        labels = alert.instance.labels.pairs.map { "\($0.name)=\($0.value)" }.joined(separator: ", ")
        value = readable(alert.instance.value)
        since = Wording.ago(alert.instance.activeSince, now: now)
        around = AroundView.link(alert.instance.activeSince, nil, alert.instance.labels["host"])
        provenance = alert.source.map(Self.place) ?? "not from git"
    }

    static func place(_ source: ResourceSource) -> String {
        "\(source.file):\(source.line), \(Wording.short(source.commit)) by \(source.author)"
    }
}

struct HostCard {
    var name: String
    var urlName: String
    var status: String
    var seen: String
    var agent: String?
    var groups: String?
    var charts: [Chart]

    struct Chart {
        var label: String
        var latest: String
        var svg: String
        var query: String
        var from: String
    }

    init(_ host: KnownHost, charts: [[String: [Double?]]], now: Timestamp) {
        name = host.name
        urlName = Self.encoded(host.name)
        status = host.status.rawValue
        seen = host.lastSeen.map { "seen \(Wording.ago($0, now: now))" } ?? "never seen"
        agent = Self.agentState(host, now: now)
        groups = host.profile.groups.isEmpty ? nil : "in " + host.profile.groups.joined(separator: ", ")
        self.charts = zip(HostChart.fleet, charts).map { chart, values in
            Self.chart(chart, values[host.name] ?? [], style: "spark", host: host.name, from: "")
        }
    }

    static func chart(_ chart: HostChart, _ values: [Double?], style: String, host: String, from: String) -> Chart {
        Chart(
            label: chart.label, latest: Wording.quantity(values.last { $0 != nil } ?? nil, chart.unit),
            svg: Sparkline(points: values, style: style, least: chart.least).svg, query: chart.query(host: host),
            from: from)
    }

    /// Whether the agent runs what it is to run, and of which commit; nil where it never said.
    static func agentState(_ host: KnownHost, now: Timestamp) -> String? {
        guard host.agent != nil else { return nil }
        guard host.status == .ok || host.status == .stale else { return "unknown" }
        let commit: String = host.applied.map { " at \(Wording.short($0.id))" } ?? ""
        guard let since = host.behindSince else { return "in sync\(commit)" }
        return "behind since \(Wording.ago(since, now: now))\(commit)"
    }

    /// Percent-encoding of a path segment (RFC 3986, unreserved characters stay).
    static func encoded(_ text: String) -> String {
        var output = ""
        for byte in text.utf8 {
            let character = Unicode.Scalar(byte)
            let isPlain: Bool =
                byte < 0x80
                && (character.properties.isAlphabetic || "0123456789-._~".unicodeScalars.contains(character))
            output += isPlain ? String(Character(character)) : "%" + hexadecimal([byte]).uppercased()
        }
        return output
    }
}
