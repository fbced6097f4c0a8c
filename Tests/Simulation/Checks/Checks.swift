import ConfigAPI
import Declarations
import GitStore
import Reconciliation
import SyncDaemon
import Telemetry

/// What must hold whatever happens.
package enum Invariant: String, CaseIterable, Hashable, Sendable {
    /// Nothing is deleted that the pushed commit does not leave out, that is not ours, or that is to be kept.
    case deletion
    /// No more is deleted within an hour than the guard lets pass.
    case deletionGuard
    /// Only a valid commit is enforced, and never one that does not contain what was accepted before.
    case history
    /// Only the holder of the lease writes, and only upon the state that it planned for.
    case oneWriter
    /// `inSync` is said only where declared and live are the same.
    case inSync
    /// No secret stands in a report, a log or a file.
    case secret
    /// What people ordered is obeyed: nothing is sent while enforcement is suspended, nothing but a pinned commit, and
    /// nothing over a change that is tolerated.
    case orders
    /// Nothing is written to a store that others filled before a person said so.
    case meeting
    /// When faults stop, everything comes to be as declared, and is said to be.
    case convergence
}

package struct Violation: Hashable, Sendable, CustomStringConvertible {
    package var invariant: Invariant
    package var message: String

    package var description: String { "\(invariant.rawValue): \(message)" }
}

/// What the checks remember of what happened.
struct Checks {
    /// Commits in the order in which they came to be accepted.
    var accepted: [Acceptance] = []
    /// The same, and what was pinned or taken while nothing was sent, as reports say it.
    var enforced: [ObjectID] = []
    /// Deletions by git, for the guard.
    var deletions: [(at: Duration, component: Component, daemon: Int, key: ResourceKey)] = []
    /// Who got the lease of a store last, and until when.
    var grants: [Component: (daemon: Int, until: Timestamp)] = [:]
    /// Whether the store was in use when it was met and nobody said `enforce` since.
    var isMeeting = false
    /// The commit of the last patch that the proxy took.
    var writtenToProxy: ObjectID?
    /// When the state directory of a daemon was lost last; it cannot know of deletions before.
    var lostState: [Int: Duration] = [:]

    /// A daemon said with the server's lease which commit it accepted.
    struct Acceptance {
        var id: ObjectID
        var daemon: Int
        var at: Duration
    }

    mutating func note(enforced id: ObjectID) {
        if enforced.last != id { enforced.append(id) }
    }
}
