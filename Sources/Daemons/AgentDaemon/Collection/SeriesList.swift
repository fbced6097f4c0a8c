package import Telemetry

/// The series of one producer, in one order for as long as possible: the server keeps a layout for each list that it
/// sees. A series that is absent for a while keeps its place and has no value there; a new one gets its place by name,
/// so that a restarted agent comes to the same list.
package struct SeriesList: Sendable {
    package private(set) var series: [Series] = []
    private var places: [Series: Int] = [:]
    /// How many frames in a row at least half of the list was absent.
    private var sparseSince: Timestamp?
    /// How long at least half of the list has to be absent before it is made anew.
    private static let sparseLimit = PromDuration.hours(1)

    package init() {}

    /// The values of one frame in the list's order, which grows by what is new. A series that is measured twice has its
    /// last value.
    package mutating func values(of measurements: [(series: Series, value: Double)], at time: Timestamp) -> [Double?] {
        let found: [Series: Double] = Dictionary(measurements.map { ($0.series, $0.value) }) { _, last in last }
        forgetWhenSparse(found.count, at: time)
        let fresh: [Series] = found.keys.filter { places[$0] == nil }
        if !fresh.isEmpty { arrange(series + fresh) }
        return series.map { found[$0] }
    }

    private mutating func forgetWhenSparse(_ present: Int, at time: Timestamp) {
        guard present * 2 <= series.count else {
            sparseSince = nil
            return
        }
        let since: Timestamp = sparseSince ?? time
        sparseSince = since
        guard time - since >= Self.sparseLimit else { return }
        arrange([])
        sparseSince = nil
    }

    private mutating func arrange(_ all: [Series]) {
        series = all.sorted()
        places = Dictionary(uniqueKeysWithValues: series.enumerated().map { ($1, $0) })
    }
}
