import Alerting
import Database
import Declarations
import Logging
import Runtime
import ServiceLifecycle
import Telemetry

/// Tells of hosts that fall silent and that come back; needs no rule.
///
/// Each host's last known status is in the database, and is written together with the notification of its change.
struct LivenessService: Service {
    static let task = "liveness"

    let hosts: HostDirectory
    let statuses: HostStatusStore
    let leaders: LeaderStore
    let holder: String
    let notifiers: @Sendable () async -> [String: NotifierSpec]
    let now: WallClock
    let clock: any Clock<Duration>
    let logger: Logger
    var interval: Duration = .seconds(1)

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await periodically(every: interval, clock: clock) {
                do { try await round() } catch {
                    logger.warning("hosts were not checked", metadata: ["error": "\(error)"])
                }
            }
        }
    }

    private func round() async throws {
        guard let leadership = try await leaders.lead(Self.task, holder: holder, for: .seconds(15)) else { return }
        let known: [String: HostStatusStore.Known] = try await statuses.known()
        let present: [KnownHost] = try await hosts.hosts()
        for host in present where host.status != .unknown && known[host.name]?.status != host.status {
            let change = HostTransition(host: host, before: known[host.name]?.status, at: now())
            try await statuses.save(
                host: host.name, HostStatusStore.Known(status: host.status, since: change.at),
                notifying: await addressed(change), under: leadership)
            logger.notice("host changed", metadata: ["host": "\(host.name)", "status": "\(host.status.rawValue)"])
        }
        let names = Set(present.map(\.name))
        let gone: [String] = known.keys.filter { !names.contains($0) }
        if !gone.isEmpty { try await statuses.forget(hosts: gone, under: leadership) }
    }

    private func addressed(_ change: HostTransition) async -> AlertStore.Addressed? {
        guard let notification = change.notification else { return nil }
        let all: [String: NotifierSpec] = await notifiers()
        let wanting: [String: NotifierSpec] = notification.event == .resolved ? all.filter(\.value.sendResolved) : all
        return AlertStore.Addressed(notification, notifiers: receivers(named: [], among: wanting))
    }
}

/// A host's change of status.
struct HostTransition: Sendable {
    var host: KnownHost
    /// Nil for a host that is seen for the first time.
    var before: HostStatus?
    var at: Timestamp

    /// What people are told; nil for a host that shows up for the first time.
    var notification: Notification? {
        if before == nil, host.status == .ok { return nil }
        let seen: String = host.lastSeen.map { "last heard at \($0)" } ?? "never heard"
        let text = "\(host.name) is \(host.status == .ok ? "up again" : host.status.rawValue), \(seen)"
        return Notification(
            dedupeKey: hexadecimal(Digests.sha256(Array("\(host.name) \(host.status.rawValue) \(at)".utf8)).prefix(16)),
            event: host.status == .ok ? .resolved : .firing, rule: rule, severity: severity,
            labels: ["host": host.name], annotations: ["summary": text], value: nil, activeSince: host.lastSeen ?? at,
            at: at, provenance: nil)
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
