import ConfigAPI
import Declarations
import Delivery
import HostSystem
import Logging
import NIOHTTP1
import Runtime
import Telemetry

/// Tells the server what this agent runs: at once after a change, and at least every ten seconds.
struct StatusReporter: Sendable {
    let client: ServerClient
    let keeper: ConfigKeeper
    let health: CollectorHealth
    let clockOffset: ClockOffset
    let applied: AppliedConfig
    let identity: AgentIdentity
    let queue: ShipmentQueue
    let logs: @Sendable () -> LogTailer.Statistics
    /// Raised when something changed that the status tells.
    let changes: Signal
    let clocks: AgentClocks
    let interval: Duration
    let requestTimeout: Duration
    let logger: Logger

    private static let backoff = Backoff(initial: .milliseconds(500), cap: .seconds(10))
    /// The least time between two reports, so that a collector that fails now and works then is no flood.
    private static let leastWait = Duration.milliseconds(200)

    func run() async {
        var failures = 0
        while !Task.isCancelled {
            do throws(ServerError) {
                try await report()
                if failures > 0 { logger.info("status reports arrive again", metadata: .of([.attempt: failures])) }
                failures = 0
            } catch {
                failures += 1
                if Task.isCancelled { return }
                // Said once: an outage of a day is one line, not thousands.
                if failures == 1 {
                    logger.warning("cannot report the status", metadata: .of([.reason: error.description]))
                }
            }
            try? await clocks.clock.sleep(for: Self.leastWait)
            let wait: Duration =
                failures > 0 ? Self.backoff.delay(attempt: failures) : interval - clocks.phase(of: interval)
            await changes.wait(atMost: wait, clock: clocks.clock)
        }
    }

    private func report() async throws(ServerError) {
        let delivery: DeliveryReport = await delivery
        let answer: ServerAnswer = try await client.send(
            ServerRequest(.POST, "/v1/agent/status", body: status(delivery).json.canonical, timeout: requestTimeout))
        guard (200..<300).contains(answer.status) else { throw ServerError.refused(answer) }
        applied.heard(answer.body)
    }

    private var delivery: DeliveryReport {
        get async {
            let statistics: ShipmentQueue.Statistics = await queue.statistics
            let logs: LogTailer.Statistics = self.logs()
            return DeliveryReport(
                ledger: statistics.ledger, lines: logs.lines, linesLedger: logs.ledger,
                logBacklogBytes: logs.backlogBytes,
                spoolBytes: statistics.spoolBytes, spoolProblem: statistics.spoolProblem)
        }
    }

    private func status(_ delivery: DeliveryReport) -> AgentStatus {
        let config: ConfigKeeper.Snapshot = keeper.snapshot
        let running = AgentStatus.Running(
            storeId: config.received?.storeId, generation: config.received?.generation,
            digest: config.running.digest, resources: resources(config))
        return AgentStatus(
            host: identity.host, agentId: identity.agentID, bootId: identity.bootID, version: RuntimeVersion.current,
            running: running, file: config.file,
            clockOffsetMilliseconds: clockOffset.offset.map { Int($0.milliseconds) }, facts: identity.facts.facts,
            delivery: delivery)
    }

    /// What runs; and what should and does not, because the agent did not survive it.
    private func resources(_ config: ConfigKeeper.Snapshot) -> [AgentStatus.Item] {
        var items: [AgentStatus.Item] = config.running.entries.map(item)
        guard let rejected = config.rejected, let received = config.received, received.digest == rejected.digest else {
            return items
        }
        for wanted in received.resources {
            let place: Int? = items.firstIndex { $0.kind == wanted.kind && $0.name == wanted.name }
            if let place, items[place].digest == wanted.digest { continue }
            let item = AgentStatus.Item(
                kind: wanted.kind, name: wanted.name, spec: place.map { items[$0].spec } ?? wanted.spec,
                digest: place.map { items[$0].digest } ?? wanted.digest, state: .rejected, error: rejected.reason)
            if let place { items[place] = item } else { items.append(item) }
        }
        return items
    }

    private func item(_ entry: RunningSet.Entry) -> AgentStatus.Item {
        let state: AgentStatus.Item.State
        let error: String?
        switch entry.verdict {
        case .runs:
            let report: CollectorHealth.Report? = health[entry.healthKey]
            state = report?.isFailing == true ? .failing : .running
            error = report?.error
        case .shadowed(let winner):
            state = .shadowed
            error = "\(entry.item.kind)/\(winner) collects the same source and comes first"
        case .rejected(let reason):
            state = .rejected
            error = reason
        }
        return AgentStatus.Item(
            kind: entry.item.kind, name: entry.item.name, spec: entry.item.spec, digest: entry.item.digest,
            state: state, error: error)
    }
}

extension RunningSet.Entry {
    /// Under which the state of the resource is reported.
    fileprivate var healthKey: String {
        item.kind == ResourceKind.collector.rawValue ? item.name : "\(item.kind)/\(item.name)"
    }
}
