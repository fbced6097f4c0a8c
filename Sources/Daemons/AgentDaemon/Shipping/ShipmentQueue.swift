import Delivery
import Runtime
import Synchronization
import Telemetry

/// The queue between the collectors and the shipper. It has a thread of its own, because it writes to the disk.
///
/// What collectors of the same moment bring is taken in together, a moment after the first of it: to change threads for
/// each frame would cost more than collecting it.
actor ShipmentQueue {
    /// What other parts may know.
    struct Statistics: Sendable {
        var ledger: DeliveryLedger
        var framesInMemory: Int
        var framesOnDisk: Int
        var spoolBytes: Int
        var spoolProblem: String?
        var damages: Int
    }

    private var queue: DeliveryQueue
    private let now: @Sendable () -> Timestamp
    private let executor = BlockingExecutor(name: "spool")
    /// Frames that were not taken in yet.
    private let incoming = Mutex<[CollectedFrame]>([])
    private let deliveries = Signal()
    /// Raised when frames were taken in.
    nonisolated let arrivals = Signal()

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// `open` reads what is on disk; it is called here because that may take a moment, and nothing is shipped before.
    init(now: @escaping @Sendable () -> Timestamp, open: @Sendable () -> DeliveryQueue) {
        self.now = now
        queue = open()
    }

    nonisolated func append(_ frame: CollectedFrame) {
        let isFirst: Bool = incoming.withLock { frames in
            frames.append(frame)
            return frames.count == 1
        }
        if isFirst { deliveries.raise() }
    }

    /// Takes in what comes, `linger` after the first of it, until cancelled.
    nonisolated func run(linger: Duration, _ clocks: AgentClocks) async {
        await withTaskExecutorPreference(executor.tasks) {
            while !Task.isCancelled {
                await deliveries.wait()
                try? await clocks.sleep(for: linger, on: executor)
                await takeIn()
                arrivals.raise()
            }
        }
    }

    private func takeIn() {
        let frames: [CollectedFrame] = incoming.withLock { frames in
            defer { frames = [] }
            return frames
        }
        for frame in frames { queue.append(frame, now: now()) }
    }

    func take(allowingBacklog: Bool) -> DeliveryQueue.Cargo? {
        takeIn()
        return queue.take(allowingBacklog: allowingBacklog, now: now())
    }

    func delivered(_ cargo: DeliveryQueue.Cargo, _ receipt: DeliveryQueue.Receipt) { queue.delivered(cargo, receipt) }
    func returned(_ cargo: DeliveryQueue.Cargo) { queue.returned(cargo) }
    func refused(_ cargo: DeliveryQueue.Cargo, isTooLarge: Bool) -> Int { queue.refused(cargo, isTooLarge: isTooLarge) }
    func leaveEverythingToDisk() -> Int {
        takeIn()
        return queue.leaveEverythingToDisk()
    }

    var isEmpty: Bool { queue.isEmpty }
    var statistics: Statistics {
        takeIn()
        return Statistics(
            ledger: queue.ledger, framesInMemory: queue.framesInMemory, framesOnDisk: queue.framesOnDisk,
            spoolBytes: queue.spool.bytes, spoolProblem: queue.spool.failure, damages: queue.spool.damages)
    }
}
