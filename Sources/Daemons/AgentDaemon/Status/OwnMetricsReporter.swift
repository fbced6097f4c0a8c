import ConfigAPI
import Delivery
import HostSystem
import Runtime
import Telemetry

/// Ships the agent's own metrics, as producer `agent`.
struct OwnMetricsReporter: Sendable {
    let identity: AgentIdentity
    let metrics: AgentMetrics
    let queue: ShipmentQueue
    let keeper: ConfigKeeper
    let clockOffset: ClockOffset
    let applied: AppliedConfig
    let probes: MountProbes
    let clocks: AgentClocks
    let interval: Duration
    let logs: @Sendable () -> LogTailer.Statistics

    static let producer = "agent"

    func run() async {
        var list = SeriesList()
        await ticking(every: interval, clocks: clocks) {
            let time = Timestamp(milliseconds: clocks.now().milliseconds)
            let values: [Double?] = list.values(of: measurements(await queue.statistics), at: time)
            queue.append(CollectedFrame(producer: Self.producer, series: list.series, time: time, values: values))
        }
    }

    private func measurements(_ queue: ShipmentQueue.Statistics) -> [(series: Series, value: Double)] {
        let config: ConfigKeeper.Snapshot = keeper.snapshot
        var values: [(series: Series, value: Double)] = metrics.values
        func add(_ name: String, _ labels: Labels = .none, _ value: Double) {
            values.append((Series(name, labels), value))
        }
        add("node_uname_info", identity.facts.unameLabels, 1)
        add("plumb_agent_info", ["version": RuntimeVersion.current], 1)
        add("plumb_agent_queue_frames", .none, Double(queue.framesInMemory))
        add("plumb_agent_spool_frames", .none, Double(queue.framesOnDisk))
        add("plumb_agent_spool_bytes", .none, Double(queue.spoolBytes))
        add("plumb_agent_spool_failing", .none, queue.spoolProblem == nil ? 0 : 1)
        add("plumb_agent_spool_damages_total", .none, Double(queue.damages))
        addLedger(queue.ledger.samples, of: "samples", add)
        add("plumb_agent_waiting_samples", .none, Double(queue.ledger.samples.waiting))
        let logs: LogTailer.Statistics = self.logs()
        addLedger(logs.lines, of: "log_lines", add)
        add("plumb_agent_log_files", .none, Double(logs.files))
        add("plumb_agent_log_backlog_bytes", .none, Double(logs.backlogBytes))
        add("plumb_agent_stuck_mounts", .none, Double(probes.stuckCount))
        add("plumb_agent_collectors", .none, Double(config.running.collectors.count))
        add("plumb_agent_config_generation", .none, Double(config.received?.generation ?? 0))
        let isDrifted: Bool = config.received.map { $0.digest != config.running.digest } ?? false
        add("plumb_agent_config_drifted", .none, isDrifted ? 1 : 0)
        if let commit = applied.commit {
            add("plumb_config_applied_commit_timestamp_seconds", .none, commit.committedAt.seconds)
        }
        add("plumb_agent_clock_steps_total", .none, Double(clockOffset.steps.count))
        if let last = clockOffset.steps.last { add("plumb_agent_clock_last_step_seconds", .none, last.seconds) }
        if let offset = clockOffset.offset { add("plumb_agent_clock_offset_seconds", .none, offset.seconds) }
        return values
    }

    /// The ledger: what was collected is the sum of what was acknowledged, was dropped and waits.
    private func addLedger(
        _ tally: DeliveryLedger.Tally, of items: String, _ add: (String, Labels, Double) -> Void
    ) {
        add("plumb_agent_collected_\(items)_total", .none, Double(tally.collected))
        add("plumb_agent_acknowledged_\(items)_total", .none, Double(tally.acknowledged))
        // All reasons from the start: a counter that begins at 1 hides its first event from `rate()`.
        for reason in DeliveryLedger.Reason.allCases {
            let count: Int = tally.dropped[reason] ?? 0
            add("plumb_agent_dropped_\(items)_total", ["reason": reason.rawValue], Double(count))
        }
    }
}
