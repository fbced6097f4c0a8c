import Synchronization
import Telemetry

/// A layout that a part of a list of series is stored under.
struct RegisteredPart: Sendable {
    var layout: Int
    /// The part's columns in the list; nil where it is the whole list.
    var columns: [Int]?
}

/// Identifiers of sources, series and layouts that this process has met. What is here is in the database; what is not
/// may be. Nothing of it ever changes, so nothing is ever invalidated.
final class FrameRegistry: Sendable {
    private struct State {
        var sources: [Source: Int] = [:]
        var layouts: [[Series]: Int] = [:]
        var parts: [LayoutHash: [RegisteredPart]] = [:]
        var sourceLayouts: Set<SourceLayout> = []
        var seriesCount = 0
    }

    struct SourceLayout: Hashable { var source: Int; var layout: Int }

    /// More series than these in layouts that are remembered: start over, rather than grow with every churn.
    private static let mostSeries = 2_000_000

    private let state = Mutex(State())

    func source(_ source: Source) -> Int? { state.withLock { $0.sources[source] } }
    func layout(_ series: [Series]) -> Int? { state.withLock { $0.layouts[series] } }
    func parts(_ name: LayoutHash) -> [RegisteredPart]? { state.withLock { $0.parts[name] } }
    func knows(_ pair: SourceLayout) -> Bool { state.withLock { $0.sourceLayouts.contains(pair) } }

    func remember(_ name: LayoutHash, _ parts: [RegisteredPart]) { state.withLock { $0.parts[name] = parts } }
    func remember(_ source: Source, _ id: Int) { state.withLock { $0.sources[source] = id } }
    func remember(_ pair: SourceLayout) { _ = state.withLock { $0.sourceLayouts.insert(pair) } }
    func remember(_ series: [Series], _ id: Int) {
        state.withLock { state in
            state.seriesCount += series.count
            if state.seriesCount > Self.mostSeries {
                state.layouts = [:]
                state.parts = [:]
                state.seriesCount = series.count
            }
            state.layouts[series] = id
        }
    }
}
