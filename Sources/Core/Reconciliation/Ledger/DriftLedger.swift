package import Declarations
package import Telemetry

/// The drifts that are not over, and the entries that the server has not got: what the ledger needs between two runs.
/// The entries themselves travel in reports, which are kept here and on the server.
package struct DriftLedger: Hashable, Sendable, JSONCodable {
    package private(set) var open: [DriftSubject: DriftEntry]
    /// By id.
    private var waiting: [String: DriftEntry]

    package static let empty = DriftLedger(open: [:], waiting: [:])

    /// While the server is away this many wait for it; beyond that the oldest are in the local reports alone.
    package static let undeliveredLimit = 20_000

    private init(open: [DriftSubject: DriftEntry], waiting: [String: DriftEntry]) {
        self.open = open
        self.waiting = waiting
    }

    /// What the server has not got, in the order in which it changed.
    package var undelivered: [DriftEntry] {
        waiting.values.sorted { ($0.updatedAt, $0.id) < ($1.updatedAt, $1.id) }
    }

    /// What one run knows of drift.
    package struct Round: Sendable {
        package var changes: [Change]
        package var commit: String?
        /// When the differences were seen, and when the run looked last.
        package var seenAt: Timestamp
        package var endedAt: Timestamp
        /// Whether the run saw how a subject stands: only then does its absence from `changes` say anything.
        package var isKnown: @Sendable (DriftSubject) -> Bool

        package init(
            changes: [Change], commit: String?, seenAt: Timestamp, endedAt: Timestamp,
            isKnown: @escaping @Sendable (DriftSubject) -> Bool
        ) {
            self.changes = changes
            self.commit = commit
            self.seenAt = seenAt
            self.endedAt = endedAt
            self.isKnown = isKnown
        }
    }

    /// Opens, changes and closes entries by what a run came to.
    package mutating func note(_ round: Round, newID: () -> String) {
        let drifts: [Change] = round.changes.filter(\.isDrift)
        for change in drifts { note(change, round, newID) }
        let seen: Set<DriftSubject> = Set(drifts.map(\.subject))
        for (subject, entry) in open.sorted(by: { $0.key < $1.key }) where !seen.contains(subject) {
            guard round.isKnown(subject) else { continue }
            close(entry, as: .gone, at: round.endedAt)
        }
    }

    private mutating func note(_ change: Change, _ round: Round, _ newID: () -> String) {
        var entry: DriftEntry
        if let known = open[change.subject] {
            entry = known
            entry.paths = change.driftedPaths
            entry.action = change.action
            entry.result = change.result
            if entry != known { entry.updatedAt = round.endedAt }
        } else {
            entry = DriftEntry(id: newID(), change: change, commit: round.commit, detectedAt: round.seenAt)
        }
        guard change.result != .applied else { return close(entry, as: .healed, at: round.endedAt) }
        let isNews: Bool = open[change.subject] != entry
        open[change.subject] = entry
        if isNews { deliver(entry) }
    }

    private mutating func close(_ entry: DriftEntry, as state: DriftEntry.State, at instant: Timestamp) {
        var ended: DriftEntry = entry
        ended.state = state
        ended.endedAt = instant
        ended.updatedAt = instant
        open[entry.subject] = nil
        deliver(ended)
    }

    private mutating func deliver(_ entry: DriftEntry) {
        waiting[entry.id] = entry
        guard waiting.count > Self.undeliveredLimit else { return }
        for old in undelivered.prefix(Self.undeliveredLimit / 10) { waiting[old.id] = nil }
    }

    /// The server has these.
    package mutating func delivered(_ entries: [DriftEntry]) {
        for entry in entries where waiting[entry.id] == entry { waiting[entry.id] = nil }
    }

    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        let entries: [DriftEntry] = try reader.list("open")
        self.open = Dictionary(entries.map { ($0.subject, $0) }) { _, last in last }
        let undelivered: [DriftEntry] = try reader.list("undelivered")
        waiting = Dictionary(undelivered.map { ($0.id, $0) }) { _, last in last }
    }

    package var json: JSONValue {
        .object(compacting: [
            "open": open.isEmpty ? nil : open.values.sorted { $0.subject < $1.subject }.json,
            "undelivered": waiting.isEmpty ? nil : undelivered.json,
        ])
    }
}

extension Change {
    /// Whether it belongs into the ledger: somebody changed live, and the manifest does not say that this counts for
    /// nothing.
    fileprivate var isDrift: Bool { causes.contains(.drift) && action != .record && result != .ignored }
}
