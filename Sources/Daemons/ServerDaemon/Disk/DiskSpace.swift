import Telemetry

/// What is free on a file system, in bytes.
package struct DiskSpace: Hashable, Sendable {
    /// What programs without special rights may still use.
    package var free: Int
    package var total: Int

    package init(free: Int, total: Int) {
        self.free = free
        self.total = total
    }
}

/// Whether the database's disk has room for more.
///
/// A full disk stops PostgreSQL as a whole, reading and configuration included, so writing stops before.
struct DiskFloor: Hashable, Sendable {
    /// What a Retention says must stay free; below it retention drops the oldest partitions.
    var declared: Int?
    /// How long dropping may take to help before more is refused.
    let patience: PromDuration
    private(set) var isReached = false
    private var belowSince: Timestamp?

    init(declared: Int? = nil, patience: PromDuration = .minutes(1)) {
        self.declared = declared
        self.patience = patience
    }

    /// The floor where nothing is declared: a gibibyte, or a fiftieth of a disk that is smaller than 50 GiB.
    static func usual(_ space: DiskSpace) -> Int { min(1 << 30, space.total / 50) }

    /// Below this nothing is waited for.
    func hard(_ space: DiskSpace) -> Int { min(declared ?? .max, Self.usual(space)) }

    /// Above this there is room again: a tenth more than the floor, so that it does not open and close all the time.
    func reopening(_ space: DiskSpace) -> Int {
        let floor: Int = declared ?? hard(space)
        return floor + floor / 10
    }

    mutating func observe(_ space: DiskSpace, at now: Timestamp) {
        if isReached {
            guard space.free >= reopening(space) else { return }
            isReached = false
            belowSince = nil
        } else if space.free < hard(space) {
            isReached = true
        } else if let declared, space.free < declared {
            let since: Timestamp = belowSince ?? now
            belowSince = since
            if now >= since + patience { isReached = true }
        } else {
            belowSince = nil
        }
    }
}
