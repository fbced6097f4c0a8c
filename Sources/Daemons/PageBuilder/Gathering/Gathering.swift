package import Declarations
import Runtime
package import Telemetry

/// A page's data, and what could not be had of them.
package struct Gathered: Hashable, Sendable {
    package var snapshot: PageSnapshot
    /// For whoever runs the program; nothing of it is published.
    package var problems: [String]

    package init(snapshot: PageSnapshot, problems: [String]) {
        self.snapshot = snapshot
        self.problems = problems
    }
}

/// Asks everything that a page shows, as of `now`. `earlier` is the page's last data: days that are settled are not
/// measured again. Throws where the platform cannot be reached or refuses the token.
package func gather(
    page name: String, _ spec: StatusPageSpec, from source: PageSource, at now: Timestamp, earlier: PageSnapshot?
) async throws -> Gathered {
    var problems: [String] = []
    var components: [MeasuredComponent] = []
    let known: PageSnapshot? = earlier?.page == name ? earlier : nil
    for component in spec.components {
        let before: MeasuredComponent? = known?.components.first { $0.name == component.name }
        do { components.append(try await measure(component, source, at: now, before: before)) } catch {
            guard let refused = error as? QueryRefused else { throw error }
            problems.append("StatusPage/\(name): component \"\(component.name)\": \(refused)")
            components.append(
                MeasuredComponent(
                    name: component.name, description: component.description, group: component.group,
                    state: .unknown, days: before?.days ?? [], measuredAt: before?.measuredAt))
        }
    }
    let from: Timestamp = now - .days(Int64(spec.incidents.days))
    let events: [AlertEvent] = try await source.history(from, now)
    // What has been firing since before is not in that part of the history.
    let older: [AlertEvent] = try await source.firing().filter { $0.at < from }
    let reports: [JSONValue] = spec.commit == .none ? [] : try await source.reports()
    let hosts: [HostSummary.Host] = spec.hosts == .none ? [] : try await source.hosts()
    let snapshot = PageSnapshot(
        page: name, title: spec.title, description: spec.description, url: spec.url, links: spec.links, at: now,
        components: components, incidents: incidents(events + older, spec: spec, at: now, sha256: Digests.sha256),
        incidentDays: spec.incidents.days, hosts: HostSummary(hosts, showing: spec.hosts),
        commit: reports.first { $0.isFinished(by: now) }.flatMap { AppliedCommit(report: $0, showing: spec.commit) })
    return Gathered(snapshot: snapshot, problems: problems)
}

/// `before` is what an earlier page measured of the component.
private func measure(
    _ component: StatusPageSpec.Component, _ source: PageSource, at now: Timestamp, before: MeasuredComponent?
) async throws -> MeasuredComponent {
    let settled = Dictionary((before?.days ?? []).map { ($0.day, $0) }) { first, _ in first }
    let measuredAt: Timestamp? = before?.measuredAt.map { min($0, now) }
    var days: [DayTally] = []
    var hasBegun = false
    for day in Measuring.midnights(at: now) {
        if let measuredAt, Measuring.isSettled(day, measuredAt: measuredAt) {
            guard let tally = settled[day] else { continue }
            days.append(tally)
            hasBegun = true
            continue
        }
        guard let last = Measuring.instants(of: day, at: now).last else { continue }
        let values: QueryValues = try await source.values(component.query, day, last)
        let tally: DayTally = Measuring.tally(values, of: day, at: now, empty: component.empty, hasBegun: &hasBegun)
        if !tally.isEmpty { days.append(tally) }
    }
    let present: QueryValues = try await source.values(component.query, now, now)
    return MeasuredComponent(
        name: component.name, description: component.description, group: component.group,
        state: ComponentState(values: present.byTime.values.flatMap { $0 }, empty: component.empty), days: days,
        measuredAt: now)
}

extension JSONValue {
    /// Whether a drift report was finished in the second of `instant`, or before.
    fileprivate func isFinished(by instant: Timestamp) -> Bool {
        (self["finishedAt"]?.string).flatMap { Timestamp(rfc3339: $0) }.map { $0 < instant + .seconds(1) } ?? false
    }
}
