import Database
import Declarations
import Logging
import Runtime
import ServiceLifecycle
import StoreService
import Telemetry

/// Drops whole partitions: those that outlived the retention in force, and the oldest where a dataset takes more than it
/// may or the disk has less free than it must.
struct RetentionEngine: Service {
    static let task = "retention"

    let datasets: [RetainedDataset]
    let leaders: LeaderStore
    let holder: String
    let policy: RetentionPolicy
    /// What is free on the database's disk. Throws where that is not known.
    let freeDisk: @Sendable () async throws -> Int
    let clock: any Clock<Duration>
    let now: WallClock
    let metrics: MetricsRegistry
    let logger: Logger
    /// Partitions are a day wide: looking often costs little and makes a shortened grace visible at once.
    var interval: Duration = .seconds(2)
    /// The time in which dropping for want of room is to show on the disk, before more goes.
    var diskPause: PromDuration = .seconds(15)

    /// What one server remembers from round to round; all of it may be lost.
    struct Memory: Sendable {
        var leadership: Leadership?
        var lastDiskDrop: Timestamp?
    }

    func run() async throws {
        let last: Leadership? = await cancelWhenGracefulShutdown {
            var memory = Memory()
            await periodically(every: interval, clock: clock) {
                do { try await round(&memory) } catch { failed(error) }
            }
            return memory.leadership
        }
        if let last { try? await leaders.resign(last) }
    }

    /// Looks at every dataset once, where this server leads.
    func round(_ memory: inout Memory) async throws {
        memory.leadership = try await leaders.lead(Self.task, holder: holder, for: .seconds(30))
        guard let leadership = memory.leadership else { return }
        // One dataset that cannot be looked at keeps no other from its retention.
        for dataset in datasets {
            do { try await enforce(dataset, leadership) } catch { failed(error) }
        }
        if let last = memory.lastDiskDrop, now() < last + diskPause { return }
        if try await makeRoom(leadership) { memory.lastDiskDrop = now() }
    }

    private func enforce(_ dataset: RetainedDataset, _ leadership: Leadership) async throws {
        var keeps: [RetainedPart: PromDuration] = [:]
        for part in Set(dataset.tables.map(\.part)) {
            keeps[part] = try await policy.effective(dataset.name, part).keep
        }
        if keeps[.raw] != nil { keeps[.raw] = try await policy.wholePartitions(dataset.name) }
        var held: [HeldPartition] = try await dataset.held()
        for item in RetentionChoice.outlived(held, at: now(), keep: { keeps[$0] })
        where try await isSummedUp(item, of: dataset) {
            await drop(item, of: dataset, leadership, because: "age")
            held.removeAll { $0 == item }
        }
        guard let maxSize = await policy.maxSize(dataset.name) else { return }
        for item in RetentionChoice.beyond(maxSize, held, at: now())
        where try await isSummedUp(item, of: dataset) {
            await drop(item, of: dataset, leadership, because: "size")
        }
    }

    private func isSummedUp(_ item: HeldPartition, of dataset: RetainedDataset) async throws -> Bool {
        guard item.part == .raw, let isSummedUp = dataset.isSummedUp else { return true }
        return try await isSummedUp(item.partition)
    }

    /// Drops the oldest of the datasets that declare how much must stay free; whether anything went.
    private func makeRoom(_ leadership: Leadership) async throws -> Bool {
        var missing = 0
        var held: [HeldPartition] = []
        for dataset in datasets {
            guard let wanted = await policy.minFreeDisk(dataset.name) else { continue }
            let free: Int = try await freeDisk()
            guard free < wanted else { continue }
            // As much as the floor needs to open again.
            missing = max(missing, wanted + wanted / 10 - free)
            held += try await dataset.held()
        }
        var hasDropped = false
        for item in RetentionChoice.oldest(held, at: now(), freeing: missing) {
            guard let dataset = datasets.first(where: { $0.name == item.dataset }) else { continue }
            if await drop(item, of: dataset, leadership, because: "disk") { hasDropped = true }
        }
        return hasDropped
    }

    /// A partition that somebody reads, or anything else that goes wrong with it, keeps no other from going.
    @discardableResult
    private func drop(
        _ item: HeldPartition, of dataset: RetainedDataset, _ leadership: Leadership, because reason: String
    ) async -> Bool {
        let partition: TimePartition = item.partition
        do {
            try await dataset.tables[item.table].partitions.drop(partition.name, under: leadership)
            metrics.counter(
                "plumb_retention_dropped_total", "Partitions dropped by retention.", labels: ["for": reason]
            )
            .increment()
            logger.notice(
                "partition dropped",
                metadata: [
                    "partition": "\(partition.name)", "dataset": "\(item.dataset.rawValue)", "part": "\(item.part)",
                    "for": "\(reason)", "bytes": "\(partition.bytes)",
                ])
            if item.part == .raw { try await dataset.afterDropping?(partition.to) }
            return true
        } catch {
            failed(error)
            return false
        }
    }

    private func failed(_ error: any Error) {
        logger.warning("retention was not enforced", metadata: ["error": "\(error)"])
    }
}
