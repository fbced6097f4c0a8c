package import Telemetry

/// Hosts that belong together: those expected to report, their labels, and when silence is an event.
package struct HostGroupSpec: Hashable, Sendable {
    /// Host names or shell globs that belong to the group. A plain name is expected: it is `down` even if it never
    /// reported.
    package var hosts: [String]
    /// Labels that the members get; selectors of collectors match them.
    package var labels: [String: String]
    package var staleAfter: PromDuration
    package var downAfter: PromDuration

    /// Agents report what they run at least this often, whatever they collect.
    package static let statusInterval: PromDuration = .seconds(10)

    package init(
        hosts: [String], labels: [String: String] = [:], staleAfter: PromDuration = .seconds(20),
        downAfter: PromDuration = .seconds(50)
    ) {
        self.hosts = hosts
        self.labels = labels
        self.staleAfter = staleAfter
        self.downAfter = downAfter
    }
}
