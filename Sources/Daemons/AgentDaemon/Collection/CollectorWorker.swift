import Declarations
import HostSystem
import Logging
import Runtime
import Telemetry

/// Runs one Collector resource: collects at its interval until told otherwise. It has a thread of its own, so that one
/// that hangs in the kernel holds up nobody else.
actor CollectorWorker {
    struct Dependencies: Sendable {
        var collectors: CollectorDependencies
        var clocks: AgentClocks
        var queue: ShipmentQueue
        var health: CollectorHealth
        var metrics: AgentMetrics
        var logger: Logger
    }

    private let name: String
    private let dependencies: Dependencies
    private let executor: BlockingExecutor
    private var spec: CollectorSpec
    private var collector: any HostCollector
    private var list = SeriesList()

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    init(name: String, spec: CollectorSpec, _ dependencies: Dependencies) {
        self.name = name
        self.dependencies = dependencies
        self.spec = spec
        executor = BlockingExecutor(name: "c-\(name)")
        collector = makeCollector(spec.source, exclude: spec.exclude, dependencies.collectors)
    }

    /// Collects as told by the last of `specs`, at once and then at the interval, until there are no more.
    nonisolated func run(_ specs: AsyncStream<CollectorSpec>) async {
        var iterator = specs.makeAsyncIterator()
        var isRunning = true
        while isRunning {
            let next: CollectorSpec? = await withTaskGroup(of: Void.self) { group in
                group.addTask { await self.tick() }
                defer { group.cancelAll() }
                return await iterator.next()
            }
            isRunning = next != nil
            if let next { await adopt(next) }
        }
        dependencies.health.forget(name)
    }

    private func adopt(_ next: CollectorSpec) {
        let isSameCollection: Bool =
            next.source == spec.source && next.exclude == spec.exclude && next.labels == spec.labels
        spec = next
        guard !isSameCollection else { return }
        collector = makeCollector(next.source, exclude: next.exclude, dependencies.collectors)
        list = SeriesList()
    }

    private func tick() async {
        let interval: Duration = spec.interval.duration
        let elapsed = dependencies.clocks.clock.stopwatch()
        var schedule = TickSchedule(interval: interval)
        while !Task.isCancelled {
            await collect()
            let missedBefore: Int = schedule.missed
            let wait: Duration = schedule.wait(after: elapsed())
            dependencies.metrics.missedTicks(schedule.missed - missedBefore, collector: name)
            guard (try? await dependencies.clocks.clock.sleep(for: wait)) != nil else { return }
        }
    }

    private func collect() async {
        let time = Timestamp(milliseconds: dependencies.clocks.now().milliseconds)
        let spec: CollectorSpec = self.spec
        var collector: any HostCollector = self.collector
        let collected: Collected = await collector.scrape(clock: dependencies.clocks.clock)
        // A new spec may have come while a mount was waited for: what was collected by the old one is not mixed in.
        guard self.spec == spec, !Task.isCancelled else { return }
        self.collector = collector
        let measured: [(series: Series, value: Double)] = collected.measurements.map {
            (labelled($0.series, spec.labels), $0.value)
        }
        let values: [Double?] = list.values(of: measured, at: time)
        dependencies.metrics.collected(name, failed: !collected.problems.isEmpty)
        dependencies.health.set(name, CollectorHealth.Report(collected))
        dependencies.queue.append(CollectedFrame(producer: name, series: list.series, time: time, values: values))
    }

    /// What the collector says of a series goes before what the resource adds to all of them.
    private func labelled(_ series: Series, _ labels: [String: String]) -> Series {
        guard !labels.isEmpty else { return series }
        return Series(series.name, Labels(labels.merging(series.labels.dictionary) { _, own in own }))
    }
}
