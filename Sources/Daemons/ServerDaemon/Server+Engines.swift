import ColumnCodec
import Database
import Runtime
package import ServiceLifecycle
import StoreService
import Telemetry

extension Server {
    /// What runs beside the API, in order of starting; stopping goes the other way, so the pool is the last to go. The
    /// API is started after them but waits for none of them: engines wait for the configuration themselves.
    package static func engines(of parts: ServerParts) -> [any Service] {
        [
            PoolService(pool: parts.pool),
            StoreGuardService(parts.storeGuard),
            parts.watcher,
            parts.safeMode,
            parts.heartbeat,
            AgentKeeper(parts),
            RevocationKeeper(
                store: parts.credentials, revocations: parts.revocations, clock: ContinuousClock(),
                logger: parts.logger),
            FactsKeeper(board: parts.facts, pool: parts.pool, clock: ContinuousClock(), logger: parts.logger),
            PartitionKeeper(
                datasets: parts.retained.flatMap { $0.tables.map(\.partitions) }, leaders: parts.leaders,
                holder: parts.holder, now: parts.clock, clock: ContinuousClock(), logger: parts.logger),
            diskWatch(of: parts),
            SeriesIndexWatch(frames: parts.frames, metrics: parts.metrics, clock: ContinuousClock()),
            EngineRoom(
                parts.safeMode, logger: parts.logger,
                engines: watching(of: parts) + alerting(of: parts) + keeping(of: parts)),
        ]
    }

    private static func diskWatch(of parts: ServerParts) -> DiskWatch {
        DiskWatch(
            locator: parts.diskLocator, disk: parts.disk, ownFolder: parts.ownFolder, live: parts.live,
            notices: DiskNotices(
                store: parts.alerts, leaders: parts.leaders, holder: parts.holder, notifiers: parts.notifiers,
                now: parts.clock, logger: parts.logger),
            now: parts.clock, clock: ContinuousClock(), metrics: parts.metrics, logger: parts.logger)
    }

    // MARK: Off in safe mode. What runs what is declared, or works on what is stored, is added below.

    private static func watching(of parts: ServerParts) -> [any Service] {
        [
            BalanceKeeper(
                agents: parts.agents, balances: parts.balances,
                load: { [frames = parts.frames] in try await frames.load($0) }, leaders: parts.leaders,
                holder: parts.holder, metrics: parts.metrics, clock: ContinuousClock(), logger: parts.logger),
            HealthKeeper(
                board: parts.health, live: parts.live, store: parts.configStore, secrets: parts.secrets,
                logger: parts.logger),
            LogKeeper(logs: parts.logs, clock: ContinuousClock(), logger: parts.logger),
        ]
    }

    /// What looks after how much there is.
    private static func keeping(of parts: ServerParts) -> [any Service] {
        [
            RollupEngine(
                store: parts.frames.rollups, leaders: parts.leaders, holder: parts.holder, clock: ContinuousClock(),
                now: parts.clock, metrics: parts.metrics, logger: parts.logger),
            SealingEngine(
                blocks: BlockStore(pool: parts.pool, compression: .zstd), leaders: parts.leaders, holder: parts.holder,
                policy: { [live = parts.live] in await live.running.map { $0.sealPolicy } }, clock: ContinuousClock(),
                now: parts.clock, metrics: parts.metrics, logger: parts.logger,
                interval: parts.configuration.sealInterval),
            HistoryPruner(
                store: HistoryStore(pool: parts.pool), leaders: parts.leaders, holder: parts.holder, now: parts.clock,
                clock: ContinuousClock(), metrics: parts.metrics, logger: parts.logger),
            RowRetention(
                datasets: parts.erasable, progress: RetentionProgress(pool: parts.pool), policy: parts.retention,
                leaders: parts.leaders, holder: parts.holder, now: parts.clock, clock: ContinuousClock(),
                metrics: parts.metrics, logger: parts.logger,
                interval: min(.seconds(30), parts.configuration.retentionGrace.duration + .seconds(1))),
            RetentionEngine(
                datasets: parts.retained, leaders: parts.leaders, holder: parts.holder, policy: parts.retention,
                freeDisk: { [locator = parts.diskLocator] in try await locator.space().free }, clock: ContinuousClock(),
                now: parts.clock, metrics: parts.metrics, logger: parts.logger),
        ]
    }

    private static func alerting(of parts: ServerParts) -> [any Service] {
        [
            LivenessService(
                hosts: { [hosts = parts.hosts] in try await hosts.hosts() }, statuses: parts.hostStatus,
                clocks: HostClockStore(pool: parts.pool), leaders: parts.leaders, holder: parts.holder,
                notifiers: parts.notifiers, now: parts.clock, clock: ContinuousClock(), logger: parts.logger),
            AlertEngine(
                store: parts.alerts, leaders: parts.leaders, holder: parts.holder,
                dependencies: AlertEngineDependencies(parts), clock: ContinuousClock(), logger: parts.logger),
            ReconcilerWatch(
                store: parts.reconcilers,
                report: { [reports = parts.reports] id in
                    guard let id = ULID(id) else { return nil }
                    return try await reports.report(id)
                },
                book: NotifierBook(parts), commits: parts.commits, leaders: parts.leaders, holder: parts.holder,
                clock: ContinuousClock(), metrics: parts.metrics, logger: parts.logger),
            NotificationService(
                outbox: parts.outbox, sender: WebhookSender(client: WebhookSender.client), book: NotifierBook(parts),
                secrets: parts.secrets, clock: ContinuousClock(), logger: parts.logger),
        ]
    }
}
