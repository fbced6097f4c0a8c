import ConfigAPI
import Declarations
import Synchronization

/// The commit whose configuration this agent runs, as the server says in its answers. While the agent runs something else
/// the server names none, and the last one stays: a host that is behind shows where it stopped.
final class AppliedConfig: Sendable {
    private let state = Mutex<AppliedCommit?>(nil)

    var commit: AppliedCommit? { state.withLock { $0 } }

    /// Takes the commit out of the answer to a status.
    func heard(_ answer: [UInt8]) {
        guard let named = (try? JSONValue(parsing: answer))?["applied"], let commit = try? AppliedCommit(json: named)
        else { return }
        state.withLock { $0 = commit }
    }
}
