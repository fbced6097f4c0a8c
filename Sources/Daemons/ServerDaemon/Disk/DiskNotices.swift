import Alerting
import Database
import Declarations
import Logging
import Runtime
import StoreService
import Telemetry

/// Tells people once when writing stopped, and once when it goes on.
actor DiskNotices {
    private let store: AlertStore
    private let leaders: LeaderStore
    private let holder: String
    private let notifiers: @Sendable () async -> [String: NotifierSpec]?
    private let now: WallClock
    private let logger: Logger
    /// The key of the notice that writing stopped, while it does.
    private var told: String?

    init(
        store: AlertStore, leaders: LeaderStore, holder: String,
        notifiers: @escaping @Sendable () async -> [String: NotifierSpec]?, now: @escaping WallClock, logger: Logger
    ) {
        self.store = store
        self.leaders = leaders
        self.holder = holder
        self.notifiers = notifiers
        self.now = now
        self.logger = logger
    }

    /// Of several servers the one that leads tells; a notice that cannot be written is tried again at the next look.
    func tell(_ refusal: String?) async {
        guard (refusal == nil) != (told == nil), let notifiers = await notifiers() else { return }
        do {
            guard let leadership = try await leaders.lead(DiskWatch.task, holder: holder, for: .minutes(1)) else {
                told = refusal == nil ? nil : ""
                return
            }
            let notification: Notification = notice(refusal)
            try await store.announce(
                AlertStore.Addressed(notification, named: [], among: notifiers, ending: told), under: leadership)
            told = refusal == nil ? nil : notification.dedupeKey
        } catch { logger.warning("people were not told of the disk", metadata: .of([.error: error])) }
    }

    private func notice(_ refusal: String?) -> Notification {
        let at: Timestamp = now()
        let text: String = refusal ?? "there is room on the database's disk again"
        return Notification(
            dedupeKey: "disk.floor/\(at.microseconds)", event: refusal == nil ? .resolved : .firing, rule: "disk.floor",
            severity: refusal == nil ? .info : .critical, labels: ["host": HostName.current],
            annotations: ["summary": text], value: nil, activeSince: at, at: at, provenance: nil)
    }
}
