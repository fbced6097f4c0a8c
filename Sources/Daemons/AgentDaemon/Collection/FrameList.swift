import HostSystem
import Telemetry

/// The list of series of one collector's frames, in order of name, so that a restarted agent comes to the same list:
/// the server keeps a layout for each list that it sees.
struct FrameList: Sendable {
    private(set) var series: [Series] = []
    /// For each of `series` its place in what was collected.
    private var order: [Int] = []
    /// Since when at least half of the list is absent.
    private var sparseSince: Timestamp?
    /// How long at least half of the list has to be absent before it is made anew.
    private static let sparseLimit = PromDuration.hours(1)

    /// Which of what was collected had a value the last time.
    private var wasPresent: [Bool] = []

    /// The values of one frame in the list's order, which grows by what is new. With `markingEnds` a series that had a
    /// value the last time and has none now has the marker that says so.
    mutating func values(of collected: Collected, markingEnds: Bool = false) -> [Double?] {
        if collected.series.count != order.count {
            order = collected.series.indices.sorted { collected.series[$0] < collected.series[$1] }
            series = order.map { collected.series[$0] }
        }
        guard markingEnds else { return order.map { collected.values[$0] } }
        while wasPresent.count < collected.values.count { wasPresent.append(false) }
        return order.map { place in
            let value: Double? = collected.values[place]
            defer { wasPresent[place] = value != nil }
            return value ?? (wasPresent[place] ? .staleMarker : nil)
        }
    }

    /// The values of a last frame: the marker for each series that had a value the last time. Nil where none had.
    mutating func ends() -> [Double?]? {
        guard wasPresent.contains(true) else { return nil }
        let present: [Bool] = wasPresent
        wasPresent = []
        return order.map { $0 < present.count && present[$0] ? .staleMarker : nil }
    }

    /// Whether half of the list has been absent for an hour: then it is time to learn it anew.
    mutating func isSparse(_ collected: Collected, at time: Timestamp) -> Bool {
        guard collected.presentCount * 2 <= collected.series.count else {
            sparseSince = nil
            return false
        }
        let since: Timestamp = sparseSince ?? time
        sparseSince = since
        return time - since >= Self.sparseLimit
    }
}
