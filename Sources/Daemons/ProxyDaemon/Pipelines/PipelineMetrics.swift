import Database
import Pipelines
import Runtime
import Telemetry

/// What pipelines do, as metrics.
struct PipelineMetrics {
    let registry: MetricsRegistry

    func record(_ name: String, _ summary: PipelineRun.Summary, status: String) {
        let labels: Labels = ["pipeline": name]
        registry.counter(
            "plumb_pipeline_runs_total", "Runs of pipelines, by how they ended.",
            labels: ["pipeline": name, "status": status]
        ).increment()
        for (result, count) in [
            ("loaded", summary.counts.loaded), ("duplicate", summary.counts.duplicates), ("dead", summary.counts.dead),
        ] {
            registry.counter(
                "plumb_pipeline_documents_total", "Documents read, by what became of them.",
                labels: ["pipeline": name, "result": result]
            ).increment(by: Double(count))
        }
        let now: Double = Timestamp.now().seconds
        if status == "success" {
            registry.gauge(
                "plumb_pipeline_last_success_timestamp_seconds", "When the last run that was a success ended.",
                labels: labels
            ).set(now)
        }
        if let backlog = summary.backlog { record(name, backlog) }
    }

    /// How fresh a pipeline is: what waits, and since when.
    func record(_ name: String, _ backlog: SourceBacklog) {
        let labels: Labels = ["pipeline": name]
        registry.gauge("plumb_pipeline_backlog_documents", "What waits at the source.", labels: labels)
            .set(Double(backlog.documents))
        registry.gauge(
            "plumb_pipeline_oldest_pending_timestamp_seconds",
            "When the oldest document that waits was made; now where none waits.", labels: labels
        ).set(backlog.oldestSeconds ?? Timestamp.now().seconds)
    }
}
