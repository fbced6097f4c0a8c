import ConfigAPI
import Database
package import Runtime
import Synchronization
import Telemetry

/// The commit that is enforced, as far as reconcilers said, and which hosts are known to have applied it.
package final class EnforcedCommits: Sendable {
    private struct State {
        /// The newest that was heard, and the generation that goes with it.
        var present: (commit: AppliedCommit, generation: Int)?
        /// Per host the commit that is written down for it.
        var written: [String: String] = [:]
        var shown: [String: (commit: String, instrument: GaugeInstrument)] = [:]
    }

    private let state = Mutex(State())
    private let metrics: MetricsRegistry

    package init(metrics: MetricsRegistry) { self.metrics = metrics }

    /// Of several reconcilers the one that was heard last counts.
    func update(_ records: [ReconcilerStore.Record]) {
        let newest = records.filter { $0.commit != nil && $0.generation != nil }.max { $0.completedAt < $1.completedAt }
        if let newest, let commit = newest.commit, let generation = newest.generation {
            state.withLock { $0.present = (commit, generation) }
        }
        for record in records { if let commit = record.commit { show(commit, of: record.source) } }
    }

    /// The commit that a host has applied which runs what it should by `generation`; nil where that is not known: this
    /// server may not have loaded yet what the commit changed.
    func applied(at generation: Int) -> AppliedCommit? {
        state.withLock { state in state.present.flatMap { generation >= $0.generation ? $0.commit : nil } }
    }

    func isWritten(_ commit: AppliedCommit, of host: String) -> Bool {
        state.withLock { $0.written[host] == commit.id }
    }

    func wrote(_ commit: AppliedCommit, of host: String) { state.withLock { $0.written[host] = commit.id } }

    /// One series with the commit as a label, in this program's own metrics: the one before it goes.
    private func show(_ commit: AppliedCommit, of source: String) {
        metrics.gauge(
            "plumb_config_commit_timestamp_seconds", "When the enforced commit was committed.",
            labels: ["source": source]
        ).set(commit.committedAt.seconds)
        state.withLock { state in
            guard state.shown[source]?.commit != commit.id else { return }
            if let old = state.shown[source] { metrics.remove(old.instrument) }
            let info = metrics.gauge(
                "plumb_config_commit_info", "The enforced commit.", labels: ["source": source, "commit": commit.id])
            info.set(1.0)
            state.shown[source] = (commit.id, info)
        }
    }
}
