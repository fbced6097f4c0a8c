import Database
import Telemetry

/// When hours may be closed: a while after their end, and once every transaction has ended that was under way then.
///
/// A writer that finds its samples not late (less than a minute after their hour) leaves no mark. It decides within its
/// transaction, after it wrote; so by the time that transaction has ended its samples are there for the hour's rollups.
struct ClosingFence: Hashable, Sendable {
    /// The end of the last hour that is due.
    var edge: Timestamp
    /// Transactions below it may have found their samples in time.
    var transaction: UInt64

    /// Four minutes for the clocks of servers to differ in.
    static let delay = PromDuration.minutes(5)

    /// Up to where hours may be closed now, nil where no hour may be; and the fence to ask with next time.
    static func judge(
        _ state: RollupStore.State, now: Timestamp, fence: ClosingFence?
    ) -> (closable: Timestamp?, fence: ClosingFence?) {
        if let fence, fence.edge > state.closed {
            return (state.oldestUnfinished >= fence.transaction ? fence.edge : nil, fence)
        }
        let edge: Timestamp = (now - delay).floored(to: .hours(1))
        guard edge > state.closed else { return (nil, nil) }
        return (nil, ClosingFence(edge: edge, transaction: state.nextTransaction))
    }
}
