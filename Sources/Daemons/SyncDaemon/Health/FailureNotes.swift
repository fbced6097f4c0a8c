/// Where what fails beside runs is told: a counter, and a line of the next report.
package struct FailureNotes: Sendable {
    private let health: SyncHealth
    private let reconciler: Reconciler

    package init(health: SyncHealth, reconciler: Reconciler) {
        self.health = health
        self.reconciler = reconciler
    }

    func count(_ failure: SyncFailure) { health.count(failure) }

    /// Has the next report say it.
    func tell(_ text: String) async { await reconciler.reportAtNextRun(text) }
}
