import Database
import Declarations
import Logging
import Pipelines
import Runtime
import ServiceLifecycle
import StoreService

/// Looks what waits at the sources, also between runs: a pipeline that nobody runs gets stale, and that shows.
package struct FreshnessService: Service {
    let live: LiveConfig
    let store: PipelineStore
    let sources: PipelineSources
    let metrics: MetricsRegistry
    let interval: Duration
    let clock: any Clock<Duration>
    let logger: Logger

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            await periodically(every: interval, clock: clock) { await look() }
        }
    }

    private func look() async {
        guard let running = await live.running else { return }
        let specs: [(name: String, spec: PipelineSpec)] = running.specs(of: .pipeline) {
            if case .pipeline(let spec) = $0 { spec } else { nil }
        }
        for (name, spec) in specs {
            do {
                let source: any PipelineSource = try await sources.source(of: spec)
                let position: String? =
                    source.acknowledges ? nil : try await store.position(of: name, source: spec.source.identity)
                let backlog: SourceBacklog = try await source.backlog(after: position)
                await source.close()
                PipelineMetrics(registry: metrics).record(name, backlog)
            } catch {
                logger.debug("cannot see what waits", metadata: .of([.resource: name, .error: error]))
            }
        }
    }
}
