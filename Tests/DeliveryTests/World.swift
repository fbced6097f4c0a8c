import Delivery
import Telemetry

/// An agent's queue on a disk, a server that remembers every sample, and a clock: all in one process, so that days pass
/// in a moment.
struct World {
    struct Sample: Hashable {
        var series: String
        var milliseconds: Int64
    }

    let disk = MemoryDisk()
    var queue: DeliveryQueue
    var now = Timestamp(seconds: 1_800_000_000)
    var limits: DeliveryQueue.Limits
    var spoolLimits: SpoolLog.Limits
    /// What the server holds, with its value, and how often something was stored that was there.
    var stored: [Sample: Double] = [:]
    var duplicates = 0
    /// The numbered samples that were collected.
    private(set) var collected: [Sample: Double] = [:]
    private var number = 0

    init(_ limits: DeliveryQueue.Limits = .init(), _ spoolLimits: SpoolLog.Limits = .init()) {
        self.limits = limits
        self.spoolLimits = spoolLimits
        queue = DeliveryQueue(
            spool: SpoolLog(
                disk: disk, limits: spoolLimits, newLedger: DeliveryLedger(id: "first", since: now)),
            limits: limits)
    }

    /// The agent is killed and started again.
    mutating func restart() {
        queue = DeliveryQueue(
            spool: SpoolLog(
                disk: disk, limits: spoolLimits, newLedger: DeliveryLedger(id: "another", since: now)),
            limits: limits)
    }

    /// One collection of `width` series; every fifth value is absent.
    mutating func collect(width: Int = 4, producer: String = "load") {
        now = now + .milliseconds(1)
        let values: [Double?] = (0..<width).map { place in
            number += 1
            return place % 5 == 4 ? nil : Double(number)
        }
        let frame = CollectedFrame(
            producer: producer, series: (0..<width).map { Series("\(producer)_\($0)", ["n": "\($0)"]) }, time: now,
            values: values)
        for (place, value) in values.enumerated() where value != nil {
            collected[Sample(series: "\(producer)_\(place)", milliseconds: now.milliseconds)] = value
        }
        queue.append(frame, now: now)
    }

    /// Whether something is known in memory alone.
    var isUnwritten: Bool { queue.unspooledWaiting > 0 || queue.spool.failure != nil }

    struct NothingToSend: Error {}

    /// The next request; throws where there is none.
    mutating func next() throws -> DeliveryQueue.Cargo {
        guard let cargo = queue.take(allowingBacklog: true, now: now) else { throw NothingToSend() }
        return cargo
    }

    mutating func store(_ cargo: DeliveryQueue.Cargo) {
        for frame in cargo.frames {
            for (series, value) in zip(frame.series, frame.values) {
                guard let value else { continue }
                let sample = Sample(series: series.name, milliseconds: frame.time.milliseconds)
                if stored.updateValue(value, forKey: sample) != nil { duplicates += 1 }
            }
        }
    }

    /// Delivers everything there is to a server that takes all but what `isPoison` says.
    mutating func drain(isPoison: (Sample) -> Bool = { _ in false }) {
        while let cargo = queue.take(allowingBacklog: true, now: now) { answer(cargo, isPoison: isPoison) }
    }

    mutating func answer(_ cargo: DeliveryQueue.Cargo, isPoison: (Sample) -> Bool = { _ in false }) {
        let hasPoison: Bool = cargo.frames.contains { frame in
            zip(frame.series, frame.values).contains { series, value in
                value != nil && isPoison(Sample(series: series.name, milliseconds: frame.time.milliseconds))
            }
        }
        if hasPoison {
            _ = queue.refused(cargo, isTooLarge: false)
        } else {
            store(cargo)
            queue.delivered(cargo, .init(taken: cargo.samples))
        }
    }
}
