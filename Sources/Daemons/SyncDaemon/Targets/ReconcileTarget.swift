package import ConfigAPI
package import ConfigAPIClient
package import Declarations

package typealias TargetError = ConfigAPIClientError

/// The edge of the reconciler: what is read from and written to the components. Small enough for an in-memory twin.
package protocol ReconcileTarget: Sendable {
    func snapshot() async throws(TargetError) -> ConfigSnapshot
    /// The same, with everything read and computed anew, whatever the component remembers.
    func wholeSnapshot() async throws(TargetError) -> ConfigSnapshot
    /// Where the store stands, without its content.
    func state() async throws(TargetError) -> StoreState
    func agents() async throws(TargetError) -> [AgentView]
    /// Recorded changes of generations after `generation`, oldest first.
    func audit(since generation: Int) async throws(TargetError) -> [AuditEntry]
    func lease(_ request: LeaseRequest) async throws(TargetError) -> Lease
    /// One transaction: all or nothing. Fails whole where the store has moved.
    func apply(_ patch: ConfigPatch) async throws(TargetError) -> ConfigSnapshot
    func resync(_ request: AgentResync) async throws(TargetError)
    func submit(report: JSONValue) async throws(TargetError)
    func retentionPreview(dataset: String, keep: String) async throws(TargetError) -> JSONValue
}

extension ReconcileTarget {
    /// Of a component that remembers nothing.
    package func wholeSnapshot() async throws(TargetError) -> ConfigSnapshot { try await snapshot() }
}

extension ConfigAPIClient: ReconcileTarget {}
