import Synchronization
import Telemetry

/// A layout that a part of a list of series is stored under.
struct RegisteredPart: Hashable, Sendable {
    var layout: Int
    /// The part's columns in the list; nil where it is the whole list.
    var columns: [Int]?
}

/// How frames of one source and one list of series become rows.
struct FramePlan: Sendable {
    var source: Int
    var parts: [RegisteredPart]
    /// Columns that are not stored: the source has too many series.
    var refused: [Int]
    /// When it has to be made again.
    var expires: Timestamp
    /// Whether the source's lists were found to change too often when this was made.
    var becameRestless = false
}

/// What this process knows of sources and layouts: whose frames need no look at their labels and none at the database.
///
/// What is here was in the database within the last hour. It is looked up again after that, so that rows which nobody
/// uses can be deleted there.
final class FrameRegistry: Sendable {
    fileprivate struct NameKey: Hashable { var source: Source; var name: LayoutHash }
    fileprivate struct SeriesKey: Hashable { var source: Source; var series: [Series] }

    fileprivate struct State {
        var byName: [NameKey: FramePlan] = [:]
        var bySeries: [SeriesKey: FramePlan] = [:]
        var layouts: [[Series]: (id: Int, expires: Timestamp)] = [:]
        /// By host and producer.
        var uses: [String: [String: SourceUse]] = [:]
        var seriesCount = 0
    }

    /// How long what was read from the database is trusted.
    static let trust = PromDuration.hours(1)
    /// More series than these in lists that are remembered: start over, rather than grow with every churn.
    private static let mostSeries = 2_000_000

    private let state = Mutex(State())

    func plan(for write: FrameWrite, now: Timestamp) -> FramePlan? {
        let plan: FramePlan? = state.withLock { state in
            if let name = write.name { return state.byName[NameKey(source: write.source, name: name)] }
            return state.bySeries[SeriesKey(source: write.source, series: write.series)]
        }
        return plan.flatMap { now < $0.expires ? $0 : nil }
    }

    func remember(_ plan: FramePlan, for write: FrameWrite) {
        state.withLock { state in
            state.makeRoom(for: write.series.count, most: Self.mostSeries)
            if let name = write.name {
                state.byName[NameKey(source: write.source, name: name)] = plan
            } else {
                state.bySeries[SeriesKey(source: write.source, series: write.series)] = plan
            }
        }
    }

    func layout(_ series: [Series], now: Timestamp) -> Int? {
        state.withLock { state in state.layouts[series].flatMap { now < $0.expires ? $0.id : nil } }
    }

    func remember(_ series: [Series], _ id: Int, now: Timestamp) {
        state.withLock { state in
            state.makeRoom(for: series.count, most: Self.mostSeries)
            state.layouts[series] = (id, now + Self.trust)
        }
    }

    /// Reads or changes what is known of a source's use of series.
    func withUse<Result: Sendable>(of source: Source, _ body: (inout SourceUse) -> Result) -> Result {
        state.withLock { body(&$0.uses[source.host, default: [:]][source.producer, default: SourceUse()]) }
    }

    /// How many series the other sources of a host had when they were looked at last.
    func seriesOfOthers(besides source: Source, now: Timestamp) -> Int {
        state.withLock { state in
            (state.uses[source.host] ?? [:]).reduce(0) { sum, use in
                use.key == source.producer ? sum : sum + use.value.activeCount(now: now)
            }
        }
    }

    /// The sources that change their lists so often that each series is stored by itself.
    func restless(now: Timestamp) -> [Source] {
        state.withLock { state in
            state.uses.flatMap { host, uses in
                uses.filter { $0.value.isRestless(now: now) }.map { Source(host: host, producer: $0.key) }
            }.sorted()
        }
    }
}

extension FrameRegistry.State {
    fileprivate mutating func makeRoom(for count: Int, most: Int) {
        seriesCount += count
        guard seriesCount > most else { return }
        (byName, bySeries, layouts) = ([:], [:], [:])
        seriesCount = count
    }
}
