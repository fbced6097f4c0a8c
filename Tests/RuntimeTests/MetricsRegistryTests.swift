import Metrics
import Runtime
import Telemetry
import Testing

@Suite struct MetricsRegistryTests {
    // Shows F-SV-18
    @Test func theExpositionHasEachFamilyOnceAndKeepsLabels() {
        let registry = MetricsRegistry()
        registry.counter("plumb_requests_total", "Requests.", labels: ["route": "/a", "status": "200"]).increment()
        registry.counter("plumb_requests_total", labels: ["route": "/a", "status": "200"]).increment(by: 2.0)
        registry.counter("plumb_requests_total", labels: ["route": "/\"b\"\\", "status": "500"]).increment()
        registry.gauge("plumb_depth", "How\nmany.").set(1.5)
        let durations = registry.histogram("plumb_seconds", "Time.", buckets: [1, 0.5])
        for seconds in [0.1, 0.5, 0.7, 20] { durations.observe(seconds) }
        durations.observe(Double.nan)
        #expect(
            registry.exposition == """
                # HELP plumb_depth How\\nmany.
                # TYPE plumb_depth gauge
                plumb_depth 1.5
                # HELP plumb_requests_total Requests.
                # TYPE plumb_requests_total counter
                plumb_requests_total{route="/\\"b\\"\\\\",status="500"} 1
                plumb_requests_total{route="/a",status="200"} 3
                # HELP plumb_seconds Time.
                # TYPE plumb_seconds histogram
                plumb_seconds_bucket{le="0.5"} 2
                plumb_seconds_bucket{le="1"} 3
                plumb_seconds_bucket{le="+Inf"} 4
                plumb_seconds_sum 21.3
                plumb_seconds_count 4
                # HELP plumb_metrics_refused_series_total Series not kept because there were too many.
                # TYPE plumb_metrics_refused_series_total counter
                plumb_metrics_refused_series_total 0

                """)
    }

    @Test func seriesPastTheLimitAreCountedAndNotKept() {
        let registry = MetricsRegistry(limit: 3)
        for number in 0..<10 { registry.counter("hits_total", labels: ["from": "\(number)"]).increment() }
        let lines: [Substring] = registry.exposition.split(separator: "\n")
        #expect(lines.count { $0.hasPrefix("hits_total{") } == 3)
        #expect(lines.last == "plumb_metrics_refused_series_total 7")
    }

    @Test func oneNameOfTwoKindsDoesNotMixThem() {
        let registry = MetricsRegistry()
        registry.counter("x").increment()
        registry.gauge("x").set(7.0)
        registry.gauge("x", labels: ["a": "b"]).set(7.0)
        #expect(registry.exposition.contains("# TYPE x counter\nx 1\n"))
        #expect(!registry.exposition.contains("gauge"))
    }

    @Test func aCounterOnlyGrows() {
        let counter: CounterInstrument = MetricsRegistry().counter("x_total")
        counter.increment(by: 2.0)
        counter.increment(by: -1.0)
        counter.increment(by: Double.nan)
        #expect(counter.value == 2)
    }

    @Test func whatLibrariesReportIsExposedUnderLegalNames() {
        let registry = MetricsRegistry()
        Counter(label: "http.server.requests", dimensions: [("http.method", "GET")], factory: registry)
            .increment(by: 3)
        let timer = Timer(label: "9.lives", dimensions: [], factory: registry)
        timer.recordNanoseconds(2_000_000)
        #expect(registry.exposition.contains("http_server_requests{http_method=\"GET\"} 3\n"))
        #expect(registry.exposition.contains("_9_lives_sum 0.002\n"))
        timer.destroy()
        #expect(!registry.exposition.contains("_9_lives"))
    }

    @Test func countsFromManyTasksAllArrive() async {
        let registry = MetricsRegistry()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask { for _ in 0..<1000 { registry.counter("x_total").increment() } }
            }
        }
        #expect(registry.counter("x_total").value == 8000)
    }
}
