import Database
import Runtime
import ServiceLifecycle

/// Says on `/metrics` how many series this server holds in memory and what they take.
struct SeriesIndexWatch: Service {
    let frames: FrameStore
    let metrics: MetricsRegistry
    let clock: any Clock<Duration>
    var interval: Duration = .seconds(30)

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await periodically(every: interval, clock: clock) { measure() }
        }
    }

    func measure() {
        let size: (series: Int, bytes: Int) = frames.seriesIndexSize
        metrics.gauge("plumb_series_index_series", "Series that this server plans queries with.").set(
            Double(size.series))
        metrics.gauge("plumb_series_index_bytes", "Memory that they take, in about.").set(Double(size.bytes))
        metrics.gauge("plumb_rollup_cache_bytes", "Memory that rollups take that were read lately, in about.").set(
            Double(frames.rollupCacheBytes))
    }
}
