import Database
import Logging
import Runtime
import ServiceLifecycle
import Synchronization

/// What the database was last found to be; nil until it was asked.
final class FactsBoard: Sendable {
    private let facts = Mutex<DatabaseFacts?>(nil)

    var present: DatabaseFacts? { facts.withLock { $0 } }

    /// Whether they are other than before.
    func found(_ new: DatabaseFacts) -> Bool {
        facts.withLock { facts in
            defer { facts = new }
            return facts != new
        }
    }
}

/// Says which database and which extensions were found, at start and whenever that changes.
struct FactsKeeper: Service {
    let board: FactsBoard
    let pool: DatabasePool
    let clock: any Clock<Duration>
    let logger: Logger
    var interval: Duration = .seconds(60)

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await periodically(every: interval, clock: clock) {
                // A database that is away is told of by those who need it.
                guard let facts = try? await DatabaseFacts.read(pool), board.found(facts) else { return }
                logger.notice("database found: \(facts.summary)")
            }
        }
    }
}
