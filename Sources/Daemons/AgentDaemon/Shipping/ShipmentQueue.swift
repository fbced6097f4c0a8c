import Synchronization

/// The outbox between the collectors, which never wait, and the shipper.
final class ShipmentQueue: Sendable {
    private let outbox: Mutex<Outbox>
    /// Raised when a frame came in.
    let arrivals = Signal()

    init(limits: Outbox.Limits) { outbox = Mutex(Outbox(limits: limits)) }

    func append(_ frame: CollectedFrame) {
        outbox.withLock { $0.append(frame) }
        arrivals.raise()
    }

    func withOutbox<Result: Sendable>(_ body: (inout sending Outbox) -> sending Result) -> Result {
        outbox.withLock(body)
    }
}
