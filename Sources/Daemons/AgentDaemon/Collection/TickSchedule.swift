/// When a collector is due: at its start and then at whole multiples of its interval, on the monotonic clock. A late
/// tick does not delay the next one, and ticks that were missed are left out, not made up for.
package struct TickSchedule: Hashable, Sendable {
    private let interval: Duration
    /// The number of the next tick; the first was at the start.
    private var next = 1
    /// Ticks that were left out because the one before took too long.
    package private(set) var missed = 0

    package init(interval: Duration) {
        precondition(interval > .zero)
        self.interval = interval
    }

    /// How long to wait for the next tick, `elapsed` after the start.
    package mutating func wait(after elapsed: Duration) -> Duration {
        let due: Int = Int((elapsed / interval).rounded(.down)) + 1
        if due > next {
            missed += due - next
            next = due
        }
        defer { next += 1 }
        return max(.zero, interval * next - elapsed)
    }
}
