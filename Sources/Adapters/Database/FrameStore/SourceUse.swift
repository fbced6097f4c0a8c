import Telemetry

/// Which series a source has had lately, and how often its lists changed: what the limits are judged by. Counted by this
/// process, for the last hour.
struct SourceUse: Sendable {
    /// The lists of series, each with the last time that it was looked at.
    private var lists: [(series: [Series], at: Timestamp)] = []
    /// When layouts came that the source had never had.
    private var newLayouts: [Timestamp] = []
    private var restlessUntil: Timestamp?
    private var counted = (series: 0, until: Timestamp(microseconds: .min))

    /// How long a series counts after it was registered last.
    static let span = PromDuration.hours(1)

    /// Of a list the columns that fit beside what the source has, at most `limit` series in all; series that it has
    /// already always fit.
    mutating func admit(_ series: [Series], limit: Int, now: Timestamp) -> [Int] {
        lists.removeAll { $0.at + Self.span < now }
        if series.count <= limit, lists.allSatisfy({ $0.series == series }) {
            // The usual source has one list, in which each series is once.
            lists = [(series, now)]
            counted = (series.count, now + Self.span)
            return Array(series.indices)
        }
        var active: Set<Series> = []
        for list in lists { active.formUnion(list.series) }
        var admitted: [Int] = []
        admitted.reserveCapacity(series.count)
        for (column, one) in series.enumerated() {
            if active.contains(one) {
                admitted.append(column)
            } else if active.count < limit {
                active.insert(one)
                admitted.append(column)
            }
        }
        let kept: [Series] = admitted.count == series.count ? series : admitted.map { series[$0] }
        lists.removeAll { $0.series == kept }
        lists.append((kept, now))
        counted = (active.count, now + Self.span)
        return admitted
    }

    /// How many series there were when a list was looked at last.
    func activeCount(now: Timestamp) -> Int { now < counted.until ? counted.series : 0 }

    /// Notes layouts that the source had never had, of which at most `limit` in an hour are usual. Answers whether that
    /// made it restless.
    mutating func noteNewLayouts(_ count: Int, limit: Int, now: Timestamp) -> Bool {
        newLayouts.removeAll { $0 + Self.span < now }
        newLayouts += repeatElement(now, count: count)
        guard newLayouts.count > limit, !isRestless(now: now) else { return false }
        restlessUntil = now + Self.span
        newLayouts = []
        return true
    }

    /// Whether each series is stored by itself for now.
    func isRestless(now: Timestamp) -> Bool { restlessUntil.map { now < $0 } ?? false }
}
