import Declarations
import Delivery
import HostSystem
import Logging
import Runtime
import Telemetry

/// Runs one Collector resource: collects at its interval until told otherwise. It has a thread of its own, so that one
/// that hangs in the kernel holds up nobody else; those that cannot hang share one, which wakes once for all of them.
actor CollectorWorker {
    struct Dependencies: Sendable {
        var collectors: CollectorDependencies
        var clocks: AgentClocks
        var queue: ShipmentQueue
        var health: CollectorHealth
        var metrics: AgentMetrics
        /// For sources that read counters only.
        let counters = BlockingExecutor(name: "counters")
        var logger: Logger
    }

    private let name: String
    private let dependencies: Dependencies
    private let executor: BlockingExecutor
    private var spec: CollectorSpec
    /// What collects and what it learned; nil while it is at work.
    private var equipment: Equipment?

    private struct Equipment: Sendable {
        var collector: any HostCollector
        var collected: Collected
        var list = FrameList()

        init(_ spec: CollectorSpec, _ dependencies: CollectorDependencies) {
            collector = makeCollector(spec, dependencies)
            collected = Collected(exclude: spec.exclude, labels: spec.labels)
        }
    }

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    init(name: String, spec: CollectorSpec, _ dependencies: Dependencies) {
        self.name = name
        self.dependencies = dependencies
        self.spec = spec
        executor = spec.source.readsCountersOnly ? dependencies.counters : BlockingExecutor(name: "c-\(name)")
        equipment = Equipment(spec, dependencies.collectors)
    }

    /// Collects as told by the last of `specs`, at once and then at the interval, until there are no more.
    nonisolated func run(_ specs: AsyncStream<CollectorSpec>) async {
        await obey(specs) {
            await self.adopt($0)
        } whileObeying: {
            await withTaskExecutorPreference(self.executor.tasks) { await self.tick() }
        }
        dependencies.health.forget(name)
    }

    private func adopt(_ next: CollectorSpec) {
        var sameButForTime: CollectorSpec = next
        sameButForTime.interval = spec.interval
        let isSameCollection: Bool = sameButForTime == spec
        spec = next
        guard !isSameCollection else { return }
        equipment = Equipment(next, dependencies.collectors)
    }

    private func tick() async {
        await ticking(every: spec.interval.duration, clocks: dependencies.clocks, on: executor) {
            await self.collect()
        } missed: { [dependencies, name] in
            dependencies.metrics.missedTicks($0, collector: name)
        }
    }

    private func collect() async {
        let time = Timestamp(milliseconds: dependencies.clocks.now().milliseconds)
        let spec: CollectorSpec = self.spec
        // Taken out and put back: a copy of what it learned would be made otherwise, each time.
        guard var equipment = self.equipment else { return }
        self.equipment = nil
        await equipment.collector.scrape(into: &equipment.collected, clock: dependencies.clocks.clock)
        defer { self.equipment = equipment }
        // Told to stop while a mount was waited for: what was collected may be of an hour ago.
        guard !Task.isCancelled else { return }
        let values: [Double?] = equipment.list.values(of: equipment.collected)
        dependencies.metrics.collected(name, failed: !equipment.collected.problems.isEmpty)
        dependencies.health.set(name, CollectorHealth.Report(equipment.collected))
        dependencies.queue.append(
            CollectedFrame(producer: name, series: equipment.list.series, time: time, values: values))
        if equipment.list.isSparse(equipment.collected, at: time) {
            equipment.collected = Collected(exclude: spec.exclude, labels: spec.labels)
            equipment.list = FrameList()
        }
    }
}
