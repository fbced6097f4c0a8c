import Alerting
import Database
import Declarations
import Logging
import Runtime
import ServiceLifecycle
import Telemetry

/// Tells of hosts that fall silent and that come back, and of those whose clock is wrong; needs no rule.
///
/// What each host was last found to be is in the database, and is written together with the notification of its change.
struct LivenessService: Service {
    static let task = "liveness"

    let hosts: @Sendable () async throws -> [KnownHost]
    let statuses: HostStatusStore
    let clocks: HostClockStore
    let leaders: LeaderStore
    let holder: String
    /// Nil until a configuration was loaded: before, nobody could be told, and thresholds and expected hosts are unknown.
    let notifiers: @Sendable () async -> [String: NotifierSpec]?
    let now: WallClock
    let clock: any Clock<Duration>
    let logger: Logger
    var interval: Duration = .seconds(1)

    func run() async throws {
        let last: Leadership? = await cancelWhenGracefulShutdown {
            var leadership: Leadership?
            await periodically(every: interval, clock: clock) {
                do { leadership = try await round() } catch {
                    logger.warning("hosts were not checked", metadata: ["error": "\(error)"])
                }
            }
            return leadership
        }
        if let last { try? await leaders.resign(last) }
    }

    /// Looks at every host once, where this server leads; gives the leadership under which it did.
    func round() async throws -> Leadership? {
        guard let notifiers = await notifiers(),
            let leadership = try await leaders.lead(Self.task, holder: holder, for: .seconds(15))
        else { return nil }
        let known: [String: HostStatusStore.Known] = try await statuses.known()
        let present: [KnownHost] = try await hosts()
        for host in present {
            guard let change = HostTransition(of: host, before: known[host.name], at: now()) else { continue }
            let addressed: AlertStore.Addressed? = change.notification.map {
                AlertStore.Addressed($0, named: [], among: notifiers, ending: change.endedKey)
            }
            try await statuses.save(
                host: host.name, HostStatusStore.Known(status: host.status, since: change.at), notifying: addressed,
                under: leadership)
            logger.notice("host changed", metadata: ["host": "\(host.name)", "status": "\(host.status.rawValue)"])
        }
        let names = Set(present.map(\.name))
        let gone: [String] = known.keys.filter { !names.contains($0) }
        if !gone.isEmpty { try await statuses.forget(hosts: gone, under: leadership) }
        try await checkClocks(of: present, notifiers, leadership)
        return leadership
    }

    private func checkClocks(
        of hosts: [KnownHost], _ notifiers: [String: NotifierSpec], _ leadership: Leadership
    ) async throws {
        let told: [String: HostClockStore.Told] = try await clocks.told()
        for host in hosts {
            guard let notice = HostClockNotice(of: host, told: told[host.name], at: now()) else { continue }
            let addressed = AlertStore.Addressed(
                notice.notification, named: [], among: notifiers, ending: told[host.name]?.notice)
            try await clocks.save(host: host.name, notice.remembered, notifying: addressed, under: leadership)
            logger.notice("\(notice.notification.annotations["summary"] ?? "")", metadata: ["host": "\(host.name)"])
        }
        let names = Set(hosts.map(\.name))
        for gone in told.keys where !names.contains(gone) {
            try await clocks.save(host: gone, nil, notifying: nil, under: leadership)
        }
    }
}

/// A host's change of status.
struct HostTransition: Sendable {
    var host: KnownHost
    /// Nil for a host that is seen for the first time.
    var before: HostStatusStore.Known?
    var at: Timestamp

    /// Nil where nothing changed.
    ///
    /// A server that has just started gives every host its time to report (see
    /// ``LivenessThresholds/status(lastSeen:listeningSince:now:)``). That is no sign of life: without one since the host
    /// was found silent, its status can only get worse.
    init?(of host: KnownHost, before: HostStatusStore.Known?, at now: Timestamp) {
        guard host.status != .unknown, host.status != before?.status else { return nil }
        if let before, host.status.urgency > before.status.urgency, host.lastSeen ?? before.since <= before.since {
            return nil
        }
        self.host = host
        self.before = before
        at = now
    }

    /// What people are told; nil for a host that shows up for the first time.
    var notification: Notification? {
        if before == nil, host.status == .ok { return nil }
        let seen: String = host.lastSeen.map { "last heard at \($0)" } ?? "never heard"
        let text = "\(host.name) is \(host.status == .ok ? "up again" : host.status.rawValue), \(seen)"
        return Notification(
            dedupeKey: key(host.status, at), event: host.status == .ok ? .resolved : .firing, rule: rule,
            severity: severity, labels: ["host": host.name], annotations: ["summary": text], value: nil,
            activeSince: host.lastSeen ?? at, at: at, provenance: nil)
    }

    /// The key of the notification that this one ends.
    var endedKey: String? { before.map { key($0.status, $0.since) } }

    private func key(_ status: HostStatus, _ at: Timestamp) -> String {
        hexadecimal(Digests.sha256(Array("\(host.name) \(status.rawValue) \(at.microseconds)".utf8)).prefix(16))
    }

    private var rule: String { host.status == .ok ? "host.up" : "host.\(host.status.rawValue)" }

    private var severity: AlertRuleSpec.Severity {
        switch host.status {
        case .down: .critical
        case .stale: .warning
        case .ok, .unknown: .info
        }
    }
}
