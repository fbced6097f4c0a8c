import ConfigAPI
import Database
import Delivery
import Logging
import PromQL
import Runtime
import ServiceLifecycle
import Telemetry

/// Compares what agents had acknowledged, hour by hour of the samples' own time, with what a query finds: the store is
/// asked as anybody would ask it, so a sample that was acknowledged and cannot be read is found, whatever lost it.
struct BalanceKeeper: Service {
    static let task = "balance"

    let agents: AgentStore
    let balances: BalanceStore
    /// What queries read.
    let load: QueryEngine.Loader
    let leaders: LeaderStore
    let holder: String
    let metrics: MetricsRegistry
    let clock: any Clock<Duration>
    let logger: Logger
    var interval: Duration = .seconds(30)

    /// How long after its end an hour is looked at: whoever was late with the last samples of it was.
    static let settling = PromDuration.minutes(2)
    /// Hours that one round looks at; the others wait for the next.
    static let hoursPerRound = 200

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await periodically(every: interval, clock: clock) {
                do { try await round() } catch {
                    logger.debug("deliveries were not compared", metadata: .of([.error: error]))
                }
            }
        }
    }

    /// Looks at the hours whose count changed since they were looked at, where this server leads.
    func round() async throws {
        guard try await leaders.lead(Self.task, holder: holder, for: .seconds(300)) != nil else { return }
        try await compareAll()
    }

    func compareAll() async throws {
        let (records, now) = try await agents.agents()
        let known: [String: [BalanceStore.Hour]] = try await balances.hours()
        var missing = 0
        var looked = 0
        for record in records {
            guard let ledger = record.status?.delivery?.ledger else { continue }
            let own: [BalanceStore.Hour] = (known[record.host] ?? []).filter { $0.ledger == ledger.id }
            missing += own.reduce(0) { $0 + max(0, $1.acknowledged - $1.stored) }
            for hour in Self.due(ledger, known: own, now: now) where looked < Self.hoursPerRound {
                looked += 1
                try await compare(record.host, ledger, hour)
            }
        }
        metrics.gauge(
            "plumb_missing_samples", "Samples that agents had acknowledged and that are not in the store."
        ).set(Double(missing))
    }

    /// The hours that are over and were not looked at with this count.
    static func due(_ ledger: DeliveryLedger, known: [BalanceStore.Hour], now: Timestamp) -> [Int] {
        let seen: [Timestamp: Int] = Dictionary(known.map { ($0.end, $0.acknowledged) }) { _, last in last }
        return ledger.hours.keys.sorted().filter { hour in
            let end: Timestamp = DeliveryLedger.end(ofHour: hour)
            return end + settling < now && now - end < .days(1) && seen[end] != ledger.hours[hour]
        }
    }

    private func compare(_ host: String, _ ledger: DeliveryLedger, _ hour: Int) async throws {
        let end: Timestamp = DeliveryLedger.end(ofHour: hour)
        let selection = Selection(
            matchers: [try Matcher("host", .equal, host)], after: (end - .hours(1)).milliseconds,
            through: end.milliseconds)
        let found: [SeriesData] = try await load([selection]).first ?? []
        // Where rollups stand in for samples that are gone, there is nothing to count.
        guard found.allSatisfy({ $0.resolution == nil }) else { return }
        let stored: Int = found.reduce(0) { $0 + $1.times.count }
        let balance = BalanceStore.Hour(
            host: host, ledger: ledger.id, end: end, acknowledged: ledger.hours[hour] ?? 0, stored: stored)
        try await balances.save(balance)
        guard balance.stored < balance.acknowledged else { return }
        logger.error(
            "samples that were acknowledged are not in the store",
            metadata: .of([.host: host, .count: balance.acknowledged - balance.stored, .reason: end.rfc3339]))
    }
}
