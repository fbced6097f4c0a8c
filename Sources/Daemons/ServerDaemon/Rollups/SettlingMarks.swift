import Database
import Synchronization
import Telemetry

/// Which marked hours are made anew: those that nothing was written to since the round before. A backlog comes in many
/// requests, and each would have the whole hour read and written again.
final class SettlingMarks: Sendable {
    private struct Hour: Hashable {
        var source: Int
        var start: Timestamp
    }

    private struct Sight {
        var writes: Int
        var rounds: Int
    }

    private let seen = Mutex<[Hour: Sight]>([:])

    /// An hour that is written to all the time is made anew every so many rounds all the same: a minute.
    private static let patience = 12

    /// Of the marks of this round those that are due.
    func due(_ marks: [RollupStore.Mark]) -> [RollupStore.Mark] {
        seen.withLock { seen in
            var next: [Hour: Sight] = [:]
            var due: [RollupStore.Mark] = []
            for mark in marks {
                let hour = Hour(source: mark.source, start: mark.hour)
                let before: Sight? = seen[hour]
                if let before, before.writes == mark.writes || before.rounds >= Self.patience {
                    due.append(mark)
                } else {
                    next[hour] = Sight(writes: mark.writes, rounds: (before?.rounds ?? 0) + 1)
                }
            }
            seen = next
            return due
        }
    }
}
