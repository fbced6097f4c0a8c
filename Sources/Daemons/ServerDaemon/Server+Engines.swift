import ColumnCodec
import Database
import Runtime
package import ServiceLifecycle
import StoreService
import Telemetry

extension Server {
    /// What runs beside the API, in order of starting; stopping goes the other way, so the pool is the last to go. The
    /// API is started after them but waits for none of them: engines wait for the configuration themselves. New engines
    /// are added here.
    package static func engines(of parts: ServerParts) -> [any Service] {
        [
            PoolService(pool: parts.pool),
            StoreGuardService(parts.storeGuard),
            parts.watcher,
            parts.heartbeat,
            AgentKeeper(parts),
            BalanceKeeper(
                agents: parts.agents, balances: parts.balances,
                load: { [frames = parts.frames] in try await frames.load($0) }, leaders: parts.leaders,
                holder: parts.holder, metrics: parts.metrics, clock: ContinuousClock(), logger: parts.logger),
            RevocationKeeper(
                store: parts.credentials, revocations: parts.revocations, clock: ContinuousClock(),
                logger: parts.logger),
            HealthKeeper(
                board: parts.health, live: parts.live, store: parts.configStore, secrets: parts.secrets,
                logger: parts.logger),
        ] + alerting(of: parts) + [
            LogKeeper(logs: parts.logs, clock: ContinuousClock(), logger: parts.logger)
        ] + keeping(of: parts)
    }

    /// What looks after how much there is.
    private static func keeping(of parts: ServerParts) -> [any Service] {
        [
            PartitionKeeper(
                datasets: parts.retained.flatMap { $0.tables.map(\.partitions) }, leaders: parts.leaders,
                holder: parts.holder, now: parts.clock, clock: ContinuousClock(), logger: parts.logger),
            FactsKeeper(board: parts.facts, pool: parts.pool, clock: ContinuousClock(), logger: parts.logger),
            DiskWatch(
                locator: parts.diskLocator, disk: parts.disk, ownFolder: parts.ownFolder, live: parts.live,
                notices: DiskNotices(
                    store: parts.alerts, leaders: parts.leaders, holder: parts.holder, notifiers: parts.notifiers,
                    now: parts.clock, logger: parts.logger),
                now: parts.clock, clock: ContinuousClock(), metrics: parts.metrics, logger: parts.logger),
            SeriesIndexWatch(frames: parts.frames, metrics: parts.metrics, clock: ContinuousClock()),
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
                leaders: parts.leaders, holder: parts.holder,
                notifiers: parts.notifiers, now: parts.clock, clock: ContinuousClock(), logger: parts.logger),
            AlertEngine(
                store: parts.alerts, leaders: parts.leaders, holder: parts.holder,
                dependencies: AlertEngineDependencies(parts), clock: ContinuousClock(), logger: parts.logger),
            NotificationService(
                outbox: parts.outbox, sender: WebhookSender(client: WebhookSender.client), notifiers: parts.notifiers,
                secrets: parts.secrets, clock: ContinuousClock(), logger: parts.logger),
        ]
    }
}
