import Database
import Declarations
import Telemetry

/// Which partitions go: pure, so that what a round would do can be told without doing it.
enum RetentionChoice {
    /// Those whose rows are all older than their part is kept; nil keeps everything.
    static func outlived(
        _ held: [HeldPartition], at now: Timestamp, keep: (RetainedPart) -> PromDuration?
    ) -> [HeldPartition] {
        held.filter { item in keep(item.part).map { item.partition.to <= now - $0 } ?? false }.sorted(by: goesBefore)
    }

    /// Those that must go, the oldest first, for the rest to take `maxSize` bytes. What rows of now are written into stays,
    /// whatever it takes.
    static func beyond(_ maxSize: Int, _ held: [HeldPartition], at now: Timestamp) -> [HeldPartition] {
        oldest(held, at: now, freeing: held.reduce(0) { $0 + $1.partition.bytes } - maxSize)
    }

    /// The oldest that take `bytes` together, or all that may go.
    static func oldest(_ held: [HeldPartition], at now: Timestamp, freeing bytes: Int) -> [HeldPartition] {
        var missing: Int = bytes
        var chosen: [HeldPartition] = []
        for item in held.filter({ $0.partition.to <= now }).sorted(by: goesBefore) where missing > 0 {
            missing -= item.partition.bytes
            chosen.append(item)
        }
        return chosen
    }

    private static func goesBefore(_ one: HeldPartition, _ other: HeldPartition) -> Bool {
        (one.part.rank, one.partition.from, one.partition.name) < (
            other.part.rank, other.partition.from, other.partition.name
        )
    }
}
