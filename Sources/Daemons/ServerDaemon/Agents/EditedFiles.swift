package import ConfigAPI
import Synchronization
import Telemetry

/// Which hosts' files were changed by hand, so that each such change is told once.
package final class EditedFiles: Sendable {
    private let known = Mutex<[String: AgentStatus.ConfigFile]>([:])

    package init() {}

    /// Notes a status; whether it tells of a change by hand that no status told of before.
    package func notes(_ status: AgentStatus) -> Bool {
        let isEdited: Bool = status.file.digest != status.file.receivedDigest || status.file.error != nil
        return known.withLock { known in
            guard isEdited else {
                known[status.host] = nil
                return false
            }
            guard known[status.host] != status.file else { return false }
            known[status.host] = status.file
            return true
        }
    }
}
