import ConfigAPI
import Declarations
import StoreService
import Telemetry

/// The page of one host.
struct HostView {
    var name: String
    var urlName: String
    var status: String
    var seen: String
    var agent: String?
    var groups: String?
    var around: String
    var charts: [HostCard.Chart]
    var collectors: [Collector]

    struct Collector {
        var name: String
        var state: String
        var `class`: String
        var error: String?
        var digest: String
    }

    /// `charts` has one entry per chart of ``HostChart/detail``.
    init(_ host: KnownHost, charts: [[String: [Double?]]], span: PromDuration, now: Timestamp) {
        let card = HostCard(host, charts: [], now: now)
        name = card.name
        urlName = card.urlName
        status = card.status
        seen = card.seen
        agent = card.agent
        groups = card.groups
        // A silent host is interesting when it fell silent.
        around = AroundView.link(host.lastSeen ?? now, nil, host.name)
        self.charts = zip(HostChart.detail, charts).map { chart, values in
            HostCard.chart(chart, values[host.name] ?? [], style: "chart", host: host.name, from: "\(span) ago")
        }
        collectors = (host.agent?.running.resources ?? []).map { item in
            Collector(
                name: item.name, state: item.state.rawValue, class: item.state == .running ? "good" : "warn",
                error: item.error, digest: Wording.short(item.digest))
        }
    }
}

/// The pages of drift reports.
struct DriftView {
    var heading: String
    var reports: [ReportView]
}

/// The page of everything that is stored and runs.
struct ConfigView {
    var generation: Int
    var digest: String
    var resources: [Resource]

    struct Resource {
        var kind: String
        var name: String
        var spec: String
        var health: String
        var `class`: String
        var owner: String
        var changedBy: String
        var source: String
    }

    /// Sensitive fields have to be redacted before.
    init(_ snapshot: ConfigSnapshot) {
        generation = snapshot.generation
        digest = Wording.short(snapshot.digest)
        resources = snapshot.resources.sorted { $0.key < $1.key }.map { resource in
            Resource(
                kind: resource.key.kind.rawValue, name: resource.key.name, spec: resource.spec.canonicalText,
                health: resource.health.message.map { "\(resource.health.state.rawValue): \($0)" }
                    ?? resource.health.state.rawValue, class: resource.health.state == .healthy ? "good" : "bad",
                owner: resource.owner, changedBy: (resource.changedBy?.json).flatMap(ChangeView.author) ?? "unknown",
                source: resource.source.map(AlertView.place) ?? "not from git")
        }
    }
}

/// The page of who is not logged in.
struct LoginView {
    var message: String
}

/// What every page has around its content.
struct LayoutView {
    var title: String
    var content: String
    var now: String
    var version: String
    var isLive: Bool
    var warning: String?
}
