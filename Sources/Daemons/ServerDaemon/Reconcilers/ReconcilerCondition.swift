import Database
import Telemetry

/// What people are told of a reconciler: when it begins and when it ends, and nothing in between.
enum ReconcilerCondition: String, CaseIterable, Sendable {
    /// No run was completed for longer than the reconciler itself thinks right.
    case stalled
    /// The newest commit is not taken; the last good one stays enforced.
    case refused
    /// A commit was taken back.
    case rolledBack
    /// Something was changed outside git. Ends when nothing was found for ``quiet``.
    case drift

    /// Somebody who changes the same field every minute is one notice, not one a minute.
    static let quiet = PromDuration.minutes(5)

    /// What holds of a reconciler now.
    ///
    /// - Parameter listeningSince: since when it could have been heard without a break. Before, silence says nothing.
    static func holding(
        of record: ReconcilerStore.Record, now: Timestamp, listeningSince: Timestamp
    ) -> Set<ReconcilerCondition> {
        let told = Set(record.told.keys.compactMap(ReconcilerCondition.init(rawValue:)))
        let silence: PromDuration = now - max(record.completedAt, listeningSince)
        if let patience = record.patience, silence > patience { return told.union([.stalled]) }
        // Nothing new was heard since: what was so is taken to be so still.
        if record.completedAt < listeningSince { return told }
        var holding: Set<ReconcilerCondition> = []
        if record.outcome == "refused" { holding.insert(.refused) }
        if record.outcome == "rolledBack" { holding.insert(.rolledBack) }
        if record.outcome == "drifted" || record.driftAt.map({ now - $0 < quiet }) == true { holding.insert(.drift) }
        return holding
    }

    /// The report that says more about it.
    func report(of record: ReconcilerStore.Record) -> String? {
        switch self {
        case .stalled: nil
        case .refused, .rolledBack: record.report
        case .drift: record.driftReport ?? record.report
        }
    }
}
