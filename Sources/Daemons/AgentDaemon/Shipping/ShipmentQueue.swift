import Delivery
import Runtime
import Telemetry

/// The queue between the collectors and the shipper. It has a thread of its own, because it writes to the disk.
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
    /// Raised when a frame came in.
    nonisolated let arrivals = Signal()

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// `open` reads what is on disk; it is called here because that may take a moment, and nothing is shipped before.
    init(now: @escaping @Sendable () -> Timestamp, open: @Sendable () -> DeliveryQueue) {
        self.now = now
        queue = open()
    }

    func append(_ frame: CollectedFrame) {
        queue.append(frame, now: now())
        arrivals.raise()
    }

    func take(allowingBacklog: Bool) -> DeliveryQueue.Cargo? {
        queue.take(allowingBacklog: allowingBacklog, now: now())
    }

    func delivered(_ cargo: DeliveryQueue.Cargo, _ receipt: DeliveryQueue.Receipt) { queue.delivered(cargo, receipt) }
    func returned(_ cargo: DeliveryQueue.Cargo) { queue.returned(cargo) }
    func refused(_ cargo: DeliveryQueue.Cargo, isTooLarge: Bool) -> Int { queue.refused(cargo, isTooLarge: isTooLarge) }
    func leaveEverythingToDisk() -> Int { queue.leaveEverythingToDisk() }

    var isEmpty: Bool { queue.isEmpty }
    var statistics: Statistics {
        Statistics(
            ledger: queue.ledger, framesInMemory: queue.framesInMemory, framesOnDisk: queue.framesOnDisk,
            spoolBytes: queue.spool.bytes, spoolProblem: queue.spool.failure, damages: queue.spool.damages)
    }
}
