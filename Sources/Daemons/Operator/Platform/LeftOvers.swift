import Glibc
import PlatformClient
import Runtime

/// What a `plumb up` that was killed left behind. Its children end by their lifelines; this waits for that, and kills
/// those that do not.
struct LeftOvers: Sendable {
    let directory: DataDirectory

    /// Children other than PostgreSQL, which is stopped with more patience by ``PostgresCluster/stopLeftOver()``.
    func clear(console: Console) async throws {
        guard let record = RunRecord.read(from: directory) else { return }
        console.say("the last one did not stop in order; clearing up")
        for child in record.children where child.name != "postgres" {
            guard let process = child.processID else { continue }
            let isGone: Bool = try await ProcessTable.waitForEnd(
                of: process, startTicks: child.startTicks, within: .seconds(5))
            if !isGone { kill(-process, SIGKILL) }
        }
        unlink(directory.runRecord)
    }
}
