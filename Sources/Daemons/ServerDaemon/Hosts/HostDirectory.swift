package import Alerting
package import ConfigAPI
package import Database
package import Declarations
package import StoreService
package import Telemetry

/// One host as the server sees it.
package struct KnownHost: Hashable, Sendable {
    package var name: String
    package var status: HostStatus
    /// Nil for a host that is expected and never reported.
    package var lastSeen: Timestamp?
    package var profile: HostProfile
    package var agent: AgentStatus?
    /// The set digest of what the host is to run.
    package var expectedDigest: String?
    /// Since when it is to run that; nil while the agent runs it.
    package var behindSince: Timestamp?
    /// The commit that the host was last seen to have applied.
    package var applied: AppliedCommit?
    /// Nil where the agent does not say what it delivered.
    package var balance: HostBalance?
    /// Where several agents report under this name at the same time: all of them.
    package var clones: [AgentStore.Instance] = []
}

/// Every host: those that ever reported, and those that a HostGroup expects by name.
package struct HostDirectory: Sendable {
    private let store: AgentStore
    private let live: LiveConfig
    private let directory: AgentDirectory
    private let activity: HostActivity
    private let statuses: HostStatusStore
    private let balances: BalanceStore
    /// Since when this server listens: before, nobody could be heard.
    private let listeningSince: Timestamp

    package init(
        store: AgentStore, live: LiveConfig, directory: AgentDirectory, activity: HostActivity,
        statuses: HostStatusStore, balances: BalanceStore,
        listeningSince: Timestamp
    ) {
        self.store = store
        self.live = live
        self.directory = directory
        self.activity = activity
        self.statuses = statuses
        self.balances = balances
        self.listeningSince = listeningSince
    }

    /// The hosts by name, as they are now.
    package func hosts() async throws(DatabaseError) -> [KnownHost] {
        let (records, now) = try await store.agents()
        let found: [String: HostStatusStore.Known] = try await statuses.known()
        let hours: [String: [BalanceStore.Hour]] = try await balances.hours()
        let lines: [String: [String: Int]] = try await balances.storedLines()
        let clones: [String: [AgentStore.Instance]] = try await store.clones()
        let groups: HostGroups = await live.running?.hostGroups ?? HostGroups([])
        let heard: [String: Timestamp] = activity.lastSeen
        var views: [KnownHost] = []
        for record in records {
            let facts: [String: String] = record.status?.facts ?? [:]
            // What this process heard may be newer than what it has written.
            let lastSeen: Timestamp = max(record.lastSeen, min(heard[record.host] ?? record.lastSeen, now))
            var view = KnownHost(
                record.host, lastSeen: lastSeen, groups.profile(of: HostIdentity(name: record.host, facts: facts)),
                listeningSince, now, found: found[record.host], agent: record.status,
                expectedDigest: await directory.expected(for: record.host, facts: facts)?.config.digest)
            view.balance = record.status?.delivery.map { report in
                HostBalance(
                    report: report, hours: hours[record.host] ?? [],
                    storedLines: lines[record.host]?[report.linesLedger] ?? 0)
            }
            view.clones = clones[record.host] ?? []
            view.applied = record.applied
            if let status = record.status, let expected = view.expectedDigest, expected != status.running.digest {
                view.behindSince = record.expectedDigest == expected ? record.expectedSince ?? now : now
            }
            views.append(view)
        }
        let known: Set<String> = Set(records.map(\.host))
        for host in groups.expectedHosts where !known.contains(host) {
            let profile: HostProfile = groups.profile(of: HostIdentity(name: host))
            views.append(
                KnownHost(
                    host, lastSeen: nil, profile, listeningSince, now, found: found[host], agent: nil,
                    expectedDigest: nil))
        }
        return views.sorted { $0.name < $1.name }
    }
}

extension KnownHost {
    fileprivate init(
        _ name: String, lastSeen: Timestamp?, _ profile: HostProfile, _ listeningSince: Timestamp, _ now: Timestamp,
        found: HostStatusStore.Known?, agent: AgentStatus?, expectedDigest: String?
    ) {
        let thresholds = LivenessThresholds(staleAfter: profile.staleAfter, downAfter: profile.downAfter)
        self.init(
            name: name,
            status: thresholds.status(
                lastSeen: lastSeen, listeningSince: listeningSince, now: now,
                found: found.map { ($0.status, $0.since) }),
            lastSeen: lastSeen, profile: profile, agent: agent, expectedDigest: expectedDigest)
    }
}
