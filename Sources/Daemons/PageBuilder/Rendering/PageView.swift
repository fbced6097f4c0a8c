import Declarations
import Telemetry

/// The page as its templates show it. Properties are stored, because the engine reads them by mirror.
struct PageView {
    var title: String
    var description: String?
    var links: [StatusPageSpec.Link]
    var hasLinks: Bool
    var headline: String
    var level: String
    var asOf: Moment
    /// When the platform could not be reached; nil where the data are fresh.
    var unreachable: Moment?
    var ongoing: [IncidentView]
    var hasOngoing: Bool
    var groups: [GroupView]
    var hosts: HostsView?
    var recent: [IncidentView]
    var hasRecent: Bool
    var incidentDays: Int
    var months: [MonthView]
    var commit: CommitView?
    var version: String

    struct Moment {
        var text: String
        var exact: String

        init(_ instant: Timestamp) {
            text = PageWording.moment(instant)
            exact = instant.rfc3339
        }
    }

    struct GroupView {
        var name: String?
        var components: [ComponentView]
    }

    struct MonthView {
        var name: String
        var incidents: [IncidentView]
    }

    /// How many incidents of the past the first page lists; the history has all.
    static let mostRecent = 10

    init(_ snapshot: PageSnapshot, unreachableAt: Timestamp?, version: String) {
        title = snapshot.title
        description = snapshot.description
        links = snapshot.links
        hasLinks = !links.isEmpty
        let summary = StatusSummary(snapshot)
        headline = unreachableAt == nil ? summary.headline : "Last known: \(summary.headline)"
        level = summary.level
        asOf = Moment(snapshot.at)
        unreachable = unreachableAt.map(Moment.init)
        let incidents: [IncidentView] = snapshot.incidents.map { IncidentView($0, now: snapshot.at) }
        ongoing = incidents.filter(\.isOngoing)
        hasOngoing = !ongoing.isEmpty
        groups = Self.groups(snapshot)
        hosts = snapshot.hosts.map(HostsView.init)
        recent = Array(incidents.filter { !$0.isOngoing }.prefix(Self.mostRecent))
        hasRecent = !recent.isEmpty
        incidentDays = snapshot.incidentDays
        months = Self.months(snapshot)
        commit = snapshot.commit.map(CommitView.init)
        self.version = version
    }

    /// In the order in which groups are first named.
    private static func groups(_ snapshot: PageSnapshot) -> [GroupView] {
        var groups: [GroupView] = []
        for component in snapshot.components {
            let view = ComponentView(component, now: snapshot.at)
            if let index = groups.firstIndex(where: { $0.name == component.group }) {
                groups[index].components.append(view)
            } else {
                groups.append(GroupView(name: component.group, components: [view]))
            }
        }
        return groups
    }

    private static func months(_ snapshot: PageSnapshot) -> [MonthView] {
        var months: [MonthView] = []
        for incident in snapshot.incidents {
            let name: String = PageWording.month(incident.start)
            let view = IncidentView(incident, now: snapshot.at)
            if months.last?.name == name {
                months[months.count - 1].incidents.append(view)
            } else {
                months.append(MonthView(name: name, incidents: [view]))
            }
        }
        return months
    }
}

/// How everything together is.
struct StatusSummary {
    var headline: String
    /// `good`, `warn`, `bad` or `none`.
    var level: String
    /// For programs: `up`, `partly`, `down` or `unknown`. An incident alone is for people to judge.
    var state: String

    init(_ snapshot: PageSnapshot) {
        let ongoing: Int = snapshot.incidents.count { $0.end == nil }
        let states: [ComponentState] = snapshot.components.map(\.state)
        let down: Int = states.count { $0 == .down }
        let unknown: Int = states.count { $0 == .unknown }
        if down > 0, down == states.count - unknown {
            (headline, level) = (states.count == 1 ? "Outage" : "Major outage", "bad")
        } else if down > 0 {
            (headline, level) = ("Some systems are down", "bad")
        } else if states.contains(.partly) {
            (headline, level) = ("Some systems are partly down", "warn")
        } else if unknown == states.count {
            (headline, level) = ("No data yet", "none")
        } else if unknown > 0 {
            (headline, level) = ("No outage known; some systems have no data", "none")
        } else if ongoing > 0 {
            (headline, level) = ("All systems operational, with \(ongoing == 1 ? "an incident" : "incidents")", "warn")
        } else {
            (headline, level) = ("All systems operational", "good")
        }
        state = down > 0 ? "down" : states.contains(.partly) ? "partly" : level == "none" ? "unknown" : "up"
    }
}

struct ComponentView {
    var name: String
    /// Not "description": where this is nil, the template would show the page's.
    var about: String?
    var state: String
    var level: String
    var bars: String
    var uptime: String
    var oldest: String

    init(_ component: MeasuredComponent, now: Timestamp) {
        name = component.name
        about = component.description
        state = PageWording.state(component.state)
        level = Self.level(component.state)
        bars = UptimeBars(days: component.days, now: now).svg
        uptime =
            component.uptime.map { "\(PageWording.share($0)) up in \(Self.extent(component.days)) of data" }
            ?? "nothing measured yet"
        oldest = "\(Measuring.days) days ago"
    }

    /// Of how much time the figure is: `90 days`, or hours and minutes where it is less than a day.
    private static func extent(_ days: [DayTally]) -> String {
        let measured: Int64 = days.reduce(0) { $0 + Int64($1.measured) } * Measuring.step.milliseconds
        guard measured >= PromDuration.days(1).milliseconds else {
            return PageWording.span(PromDuration(milliseconds: measured))
        }
        return "\(days.count { $0.measured > 0 }) days"
    }

    static func level(_ state: ComponentState) -> String {
        switch state {
        case .up: "good"
        case .partly: "warn"
        case .down: "bad"
        case .unknown: "none"
        }
    }
}

struct HostsView {
    var text: String
    var level: String
    var hosts: [Host]
    var hasHosts: Bool

    struct Host {
        var name: String
        var status: String
        var level: String
    }

    init(_ summary: HostSummary) {
        text = "\(summary.ok) of \(summary.total) \(summary.total == 1 ? "host reports" : "hosts report")"
        level = summary.total == 0 ? "none" : summary.ok == summary.total ? "good" : "warn"
        hosts = summary.hosts.map { host in
            Host(
                name: host.name, status: host.status,
                level: ["ok": "good", "stale": "warn", "down": "bad"][host.status] ?? "none")
        }
        hasHosts = !hosts.isEmpty
    }
}

struct IncidentView {
    var id: String
    var title: String
    var severity: String
    var level: String
    var isOngoing: Bool
    var start: PageView.Moment
    var when: String
    var detail: String?
    /// For the feed: when this entry said something new.
    var updated: String
    var status: String

    init(_ incident: Incident, now: Timestamp) {
        id = incident.id
        title = incident.title
        severity = incident.severity
        level = incident.severity == "critical" ? "bad" : incident.severity == "warning" ? "warn" : "none"
        isOngoing = incident.end == nil
        start = PageView.Moment(incident.start)
        let length: String = PageWording.span((incident.end ?? now) - incident.start)
        if let end = incident.end {
            let isSameDay: Bool = PageWording.date(end) == PageWording.date(incident.start)
            let until: String = isSameDay ? "\(PageWording.clock(end)) UTC" : PageWording.moment(end)
            let from: String =
                isSameDay
                ? "\(PageWording.date(incident.start)), \(PageWording.clock(incident.start))" : start.text
            when = "\(from) to \(until), \(length)"
        } else {
            when = "since \(start.text), \(length)"
        }
        var details: [String] = []
        if incident.alerts > 1 { details.append("\(incident.alerts) alerts") }
        if !incident.hosts.isEmpty { details.append("on " + incident.hosts.joined(separator: ", ")) }
        detail = details.isEmpty ? nil : details.joined(separator: " ")
        updated = (incident.end ?? incident.start).rfc3339
        status = incident.end == nil ? "ongoing" : "resolved"
    }
}

struct CommitView {
    var shortId: String
    var subject: String?
    var author: String?
    var committed: PageView.Moment?
    var outcome: String
    var level: String

    init(_ commit: AppliedCommit) {
        shortId = String(commit.id.prefix(8))
        subject = commit.subject
        author = commit.author
        committed = commit.committedAt.map(PageView.Moment.init)
        switch commit.outcome {
        case "inSync", "applied": (outcome, level) = ("What runs is what git says", "good")
        case "corrected": (outcome, level) = ("Drift was found and corrected", "good")
        case "drifted": (outcome, level) = ("What runs differs from git", "warn")
        case "refused": (outcome, level) = ("A newer commit was refused", "warn")
        case "rolledBack": (outcome, level) = ("A newer commit was rolled back", "warn")
        default: (outcome, level) = ("Not everything could be compared with git", "none")
        }
    }
}
