import ConfigAPI
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
    let probes: MountProbes
    let clocks: AgentClocks
    let interval: Duration
    let logs: @Sendable () -> LogTailer.Statistics

    static let producer = "agent"

    func run() async {
        var list = SeriesList()
        await periodically(every: interval, clock: clocks.clock) {
            let time = Timestamp(milliseconds: clocks.now().milliseconds)
            let values: [Double?] = list.values(of: measurements, at: time)
            queue.append(CollectedFrame(producer: Self.producer, series: list.series, time: time, values: values))
        }
    }

    private var measurements: [(series: Series, value: Double)] {
        let (frames, bytes, dropped, dead) = queue.withOutbox {
            ($0.frames, $0.bytes, $0.droppedFrames, $0.deadPoints)
        }
        let config: ConfigKeeper.Snapshot = keeper.snapshot
        var values: [(series: Series, value: Double)] = metrics.values
        func add(_ name: String, _ labels: Labels = .none, _ value: Double) {
            values.append((Series(name, labels), value))
        }
        add("node_uname_info", identity.facts.unameLabels, 1)
        add("plumb_agent_info", ["version": RuntimeVersion.current], 1)
        add("plumb_agent_queue_frames", .none, Double(frames))
        add("plumb_agent_queue_bytes", .none, Double(bytes))
        add("plumb_agent_dropped_frames_total", .none, Double(dropped))
        add("plumb_agent_dead_points_total", .none, Double(dead))
        let logs: LogTailer.Statistics = self.logs()
        add("plumb_agent_log_files", .none, Double(logs.files))
        add("plumb_agent_log_backlog_bytes", .none, Double(logs.backlogBytes))
        add("plumb_agent_stuck_mounts", .none, Double(probes.stuckCount))
        add("plumb_agent_collectors", .none, Double(config.running.collectors.count))
        add("plumb_agent_config_generation", .none, Double(config.received?.generation ?? 0))
        let isDrifted: Bool = config.received.map { $0.digest != config.running.digest } ?? false
        add("plumb_agent_config_drifted", .none, isDrifted ? 1 : 0)
        if let offset = clockOffset.offset { add("plumb_agent_clock_offset_seconds", .none, offset.seconds) }
        return values
    }
}
