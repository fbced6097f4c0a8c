import Declarations
import Delivery
import Exposition
import HostSystem
import Logging
import Runtime
import Scraping
import Telemetry

/// Runs one ScrapeTarget resource: scrapes at its interval until told otherwise. When a series is not exposed any more,
/// when the target gives no answer, and when the resource goes, a marker says that the series ended there.
actor ScrapeWorker {
    struct Dependencies: Sendable {
        var client: ScrapeClient
        var clocks: AgentClocks
        var queue: ShipmentQueue
        var health: CollectorHealth
        var metrics: AgentMetrics
    }

    private let name: String
    private let dependencies: Dependencies
    private var spec: ScrapeTargetSpec
    private var page: ScrapedPage
    private var list = FrameList()

    init(name: String, spec: ScrapeTargetSpec, _ dependencies: Dependencies) {
        self.name = name
        self.dependencies = dependencies
        self.spec = spec
        page = ScrapedPage(name: name, spec)
    }

    /// A scrape target and a collector may have one name; their samples are of different sources.
    private var producer: String { "scrape/\(name)" }
    private var healthKey: String { "\(ResourceKind.scrapeTarget.rawValue)/\(name)" }

    /// Scrapes as told by the last of `specs`, at once and then at the interval, until there are no more.
    nonisolated func run(_ specs: AsyncStream<ScrapeTargetSpec>) async {
        await obey(specs) {
            await self.adopt($0)
        } whileObeying: {
            await self.tick()
        }
        // An agent that stops says nothing: its targets have not ended.
        if !Task.isCancelled { await end() }
    }

    private func adopt(_ next: ScrapeTargetSpec) async {
        var sameButForTime: ScrapeTargetSpec = next
        sameButForTime.interval = spec.interval
        sameButForTime.timeout = spec.timeout
        let isSamePage: Bool = sameButForTime == spec
        spec = next
        guard !isSamePage else { return }
        markEnd()
        page = ScrapedPage(name: name, next)
        list = FrameList()
    }

    private func end() async {
        markEnd()
        dependencies.health.forget(healthKey)
    }

    private func markEnd() {
        guard let values = list.ends() else { return }
        send(values, at: Timestamp(milliseconds: dependencies.clocks.now().milliseconds))
    }

    private func send(_ values: [Double?], at time: Timestamp) {
        dependencies.queue.append(
            CollectedFrame(producer: producer, series: list.series, time: time, values: values))
    }

    private func tick() async {
        await ticking(every: spec.interval.duration, clocks: dependencies.clocks) {
            await self.scrape()
        } missed: { [dependencies, name] in
            dependencies.metrics.missedTicks($0, collector: name)
        }
    }

    private func scrape() async {
        let time = Timestamp(milliseconds: dependencies.clocks.now().milliseconds)
        let elapsed = dependencies.clocks.clock.stopwatch()
        let answer: Result<ScrapeClient.Answer, ScrapeClient.Failure> = await dependencies.client.get(spec)
        // Cut off by a change of the spec, not by the target.
        guard !Task.isCancelled else { return }
        page.take(answer, seconds: elapsed().inSeconds)
        send(list.values(of: page.collected, markingEnds: true), at: time)
        dependencies.metrics.collected(name, failed: !page.collected.problems.isEmpty)
        dependencies.health.set(healthKey, CollectorHealth.Report(page.collected))
        if list.isSparse(page.collected, at: time) {
            markEnd()
            page = ScrapedPage(name: name, spec)
            list = FrameList()
        }
    }
}
