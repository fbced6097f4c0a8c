import Declarations
import Telemetry

/// What retention a dataset has now: what is declared, held back by the day of grace that a shrunk retention waits.
///
/// Shrinking is the one change that a revert cannot undo, so the longest retention that was in force within the grace
/// still counts. A revert in that time cancels the shrinking.
struct EffectiveRetention: Hashable, Sendable {
    /// How long data is kept now; nil keeps everything.
    var keep: PromDuration?
    /// What will be kept once the grace is over, and when that is; nil where nothing waits.
    var pending: Pending?

    struct Pending: Hashable, Sendable {
        var keep: PromDuration
        var at: Timestamp
    }

    /// One setting that was in force until it was replaced; nil keeps everything.
    struct Past: Hashable, Sendable {
        var keep: PromDuration?
        var until: Timestamp
    }

    init(declared: PromDuration?, past: [Past], grace: PromDuration, now: Timestamp) {
        keep = declared
        pending = nil
        guard let declared else { return }
        // A setting counts until the grace after its end is over; the longest of those that count is in force.
        let counting: [Past] = past.filter { now < $0.until + grace }
        guard counting.allSatisfy({ $0.keep != nil }) else {
            keep = nil
            pending = Pending(keep: declared, at: Self.end(of: counting, longerThan: declared, grace))
            return
        }
        let longest: PromDuration = counting.compactMap(\.keep).max() ?? declared
        guard longest > declared else { return }
        keep = longest
        pending = Pending(keep: declared, at: Self.end(of: counting, longerThan: declared, grace))
    }

    private static func end(of past: [Past], longerThan keep: PromDuration, _ grace: PromDuration) -> Timestamp {
        let longer: [Timestamp] = past.filter { $0.keep.map { $0 > keep } ?? true }.map(\.until)
        return (longer.max() ?? Timestamp(microseconds: 0)) + grace
    }
}
