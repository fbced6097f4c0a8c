package import Telemetry

/// What waits for the server, in memory and on disk, and what is on its way. A value: whoever ships acts on what it says.
///
/// Fresh frames are kept in memory and go first. What has waited for a minute is left to the disk and is the backlog. A
/// shipment that the server refuses is cut in halves until the one point is found that it refuses alone; meanwhile fresh
/// frames go by. Every sample comes out in exactly one way, and the ledger says in which.
package struct DeliveryQueue: Sendable {
    package struct Limits: Hashable, Sendable {
        /// Frames and bytes in memory. Beyond them the oldest is left to the disk; where it is not there, it is dropped.
        package var frames = 20_000
        package var bytes = 32 << 20
        /// How long a frame that is on disk is kept in memory too.
        package var freshness = PromDuration.minutes(1)
        /// The most points of a request of fresh frames, and of the backlog.
        package var pointsPerRequest = 1000
        package var backlogPointsPerRequest = 50_000

        package init() {}
    }

    package enum Lane: String, CaseIterable, Hashable, Sendable { case fresh, backlog }

    /// One request's worth.
    package struct Cargo: Hashable, Sendable {
        package let shipment: Int
        package let lane: Lane
        package let frames: [CollectedFrame]

        package var points: Int { frames.reduce(0) { $0 + $1.points } }
        package var samples: Int { frames.reduce(0) { $0 + $1.samples } }
    }

    /// What the server says that it did with a request's samples.
    package struct Receipt: Hashable, Sendable {
        /// Samples that it has now, whether or not it had them before.
        package var taken: Int
        /// Of these, samples that took the place of others.
        package var replaced: Int

        package init(taken: Int, replaced: Int = 0) {
            self.taken = taken
            self.replaced = replaced
        }
    }

    private struct Entry: Sendable {
        var stored: SpoolLog.Stored
        var samples: Int
        /// Nil: in memory alone.
        var segment: Int?

        var frame: CollectedFrame { stored.frame }
    }

    private struct Shipment: Sendable {
        var lane: Lane
        var entries: [Entry]
        /// What is still to be sent, the next at the end.
        var groups: [[CollectedFrame]]
        var isSuspect = false
        var isTouched = false
        var end = Settlement()
    }

    package private(set) var spool: SpoolLog
    private let limits: Limits
    private var fresh: ArraySlice<Entry> = []
    private var backlog: ArraySlice<Entry> = []
    private var shipments: [Int: Shipment] = [:]
    private var underway: Int?
    private var nextShipment = 1
    private var pointLimits: [Lane: Int]
    /// Samples that wait in memory alone: what would be lost if the agent were killed now.
    package private(set) var unspooledWaiting = 0
    /// Bytes of the fresh frames.
    package private(set) var freshBytes = 0

    /// Shipments in which a culprit is looked for; further refusals wait.
    private static let mostSuspects = 8

    package init(spool: SpoolLog, limits: Limits = Limits()) {
        self.spool = spool
        self.limits = limits
        pointLimits = [.fresh: limits.pointsPerRequest, .backlog: limits.backlogPointsPerRequest]
    }

    /// Everything that was collected, and what became of it.
    package var ledger: DeliveryLedger {
        var ledger: DeliveryLedger = spool.ledger
        ledger.samples.collected += unspooledWaiting
        return ledger
    }

    package var framesInMemory: Int {
        fresh.count + backlog.count + shipments.values.reduce(0) { $0 + $1.entries.count }
    }
    /// Frames that are on disk and not in memory.
    package var framesOnDisk: Int { spool.pendingFrames - spooledInMemory.values.reduce(0) { $0 + $1.count } }
    package var isEmpty: Bool { framesInMemory == 0 && framesOnDisk == 0 }
    package var hasFresh: Bool { !fresh.isEmpty || shipments.values.contains { $0.lane == .fresh } }

    // MARK: Coming in

    package mutating func append(_ frame: CollectedFrame, now: Timestamp) {
        let stored = SpoolLog.Stored(sequence: spool.takeSequence(), frame: frame)
        let entry = Entry(stored: stored, samples: frame.samples, segment: spool.append(stored))
        if entry.segment == nil { unspooledWaiting += entry.samples }
        fresh.append(entry)
        // The disk takes frames again: those of the time when it did not follow.
        if entry.segment != nil, unspooledWaiting > 0 { _ = leaveEverythingToDisk() }
        freshBytes += frame.bytes
        leaveToDisk(now: now)
        while let (number, reason) = spool.overdue(now: now), giveUp(segment: number, reason) {}
    }

    private mutating func leaveToDisk(now: Timestamp) {
        while let oldest = fresh.first {
            let isFull: Bool = fresh.count > limits.frames || freshBytes > limits.bytes
            let isStale: Bool = oldest.segment != nil && now - oldest.frame.time > limits.freshness
            guard isFull || isStale else { return }
            fresh.removeFirst()
            freshBytes -= oldest.frame.bytes
            if oldest.segment == nil { drop([oldest], .queueFull) }
        }
    }

    private mutating func drop(_ entries: [Entry], _ reason: DeliveryLedger.Reason) {
        guard !entries.isEmpty else { return }
        var end = Settlement()
        end.dropped[reason] = entries.reduce(0) { $0 + $1.samples }
        settle(entries, end)
    }

    /// Drops what a segment holds, apart from what is in memory; false where that is all.
    private mutating func giveUp(segment number: Int, _ reason: DeliveryLedger.Reason) -> Bool {
        guard let segment = spool.segments[number] else { return false }
        let held: [Entry] = entriesInMemory.filter { $0.segment == number }
        var gone: SequenceSet = segment.pending
        gone.subtract(SequenceSet(held.map(\.stored.sequence)))
        guard !gone.isEmpty else { return false }
        var end = Settlement(sequences: gone)
        let samples: Int = segment.samples - held.reduce(0) { $0 + $1.samples }
        end.segments = [number: samples]
        end.dropped = [reason: samples]
        spool.settle(end)
        return true
    }

    // MARK: Going out

    /// The next request; nil where there is nothing, something is underway, or there is only backlog and that may not
    /// go now.
    package mutating func take(allowingBacklog: Bool, now: Timestamp) -> Cargo? {
        guard underway == nil else { return nil }
        if let open = openShipment(isSuspect: false) { return send(open) }
        if !fresh.isEmpty {
            let entries: [Entry] = Self.next(of: &fresh, points: pointLimits[.fresh] ?? 1)
            freshBytes -= entries.reduce(0) { $0 + $1.frame.bytes }
            return send(add(entries, .fresh))
        }
        if let suspect = openShipment(isSuspect: true) { return send(suspect) }
        guard allowingBacklog else { return nil }
        if backlog.isEmpty { loadBacklog(now: now) }
        guard !backlog.isEmpty else { return nil }
        return send(add(Self.next(of: &backlog, points: pointLimits[.backlog] ?? 1), .backlog))
    }

    private func openShipment(isSuspect: Bool) -> Int? {
        shipments.filter { $0.value.isSuspect == isSuspect && !$0.value.groups.isEmpty }.keys.min()
    }

    /// The first frames that fit into a request, all of one hour; at least one.
    private static func next(of lane: inout ArraySlice<Entry>, points limit: Int) -> [Entry] {
        var entries: [Entry] = []
        var points = 0
        while let next = lane.first, entries.isEmpty || points + next.frame.points <= limit,
            entries.first.map({ $0.frame.hour == next.frame.hour }) ?? true
        {
            points += next.frame.points
            entries.append(next)
            lane.removeFirst()
        }
        return entries
    }

    private mutating func add(_ entries: [Entry], _ lane: Lane) -> Int {
        let limit: Int = pointLimits[lane] ?? 1
        var groups: [[CollectedFrame]] = [entries.map(\.frame)]
        // Only a single frame can be larger than a request.
        while let largest = groups.first, largest.count == 1, largest[0].points > limit {
            groups = groups.flatMap { $0[0].halves().map { [$0] } }
        }
        defer { nextShipment += 1 }
        shipments[nextShipment] = Shipment(lane: lane, entries: entries, groups: groups.reversed())
        return nextShipment
    }

    private mutating func send(_ number: Int) -> Cargo? {
        guard let group = shipments[number]?.groups.last, let lane = shipments[number]?.lane else { return nil }
        underway = number
        return Cargo(shipment: number, lane: lane, frames: group)
    }

    /// The server answered that it has the cargo, or what it could take of it.
    package mutating func delivered(_ cargo: Cargo, _ receipt: Receipt) {
        let taken: Int = min(max(0, receipt.taken), cargo.samples)
        let most: Int = cargo.lane == .fresh ? limits.pointsPerRequest : limits.backlogPointsPerRequest
        pointLimits[cargo.lane] = min(most, (pointLimits[cargo.lane] ?? 1) * 2)
        end(cargo) { end in
            end.acknowledged += taken
            end.stored += max(0, taken - max(0, receipt.replaced))
            if taken < cargo.samples { end.dropped[.rejected, default: 0] += cargo.samples - taken }
        }
    }

    /// The cargo did not arrive, or nobody knows: it is sent again.
    package mutating func returned(_ cargo: Cargo) {
        guard underway == cargo.shipment, let shipment = shipments[cargo.shipment] else { return }
        underway = nil
        // What was begun is finished as it is; the rest goes back to its place, so that what is fresh then goes first.
        guard !shipment.isTouched else { return }
        shipments[cargo.shipment] = nil
        switch shipment.lane {
        case .fresh:
            fresh = shipment.entries[...] + fresh
            freshBytes += shipment.entries.reduce(0) { $0 + $1.frame.bytes }
        case .backlog: backlog = shipment.entries[...] + backlog
        }
    }

    /// The server will not have the cargo as it is. It is sent again in halves until the one point is found that it
    /// refuses alone, and that is given up. Answers how many samples were.
    package mutating func refused(_ cargo: Cargo, isTooLarge: Bool) -> Int {
        guard cargo.points > 1 else {
            let samples: Int = cargo.samples
            end(cargo) { if samples > 0 { $0.dropped[.refused, default: 0] += samples } }
            return samples
        }
        if isTooLarge { pointLimits[cargo.lane] = max(1, min(pointLimits[cargo.lane] ?? 1, cargo.points) / 2) }
        guard
            shipments.values.count(where: \.isSuspect) < Self.mostSuspects
                || shipments[cargo.shipment]?.isSuspect == true
        else {
            returned(cargo)
            return 0
        }
        underway = nil
        shipments[cargo.shipment]?.isTouched = true
        shipments[cargo.shipment]?.isSuspect = !isTooLarge
        shipments[cargo.shipment]?.groups.removeLast()
        let halves: [[CollectedFrame]] =
            cargo.frames.count == 1
            ? cargo.frames[0].halves().map { [$0] }
            : [Array(cargo.frames[..<(cargo.frames.count / 2)]), Array(cargo.frames[(cargo.frames.count / 2)...])]
        shipments[cargo.shipment]?.groups += halves.reversed()
        return 0
    }

    private mutating func end(_ cargo: Cargo, _ change: (inout Settlement) -> Void) {
        guard underway == cargo.shipment, var shipment = shipments[cargo.shipment] else { return }
        underway = nil
        shipment.isTouched = true
        shipment.groups.removeLast()
        change(&shipment.end)
        guard shipment.groups.isEmpty else {
            shipments[cargo.shipment] = shipment
            return
        }
        shipments[cargo.shipment] = nil
        var end: Settlement = shipment.end
        end.hour = shipment.entries.first?.frame.hour ?? 0
        settle(shipment.entries, end)
    }

    private mutating func settle(_ entries: [Entry], _ settlement: Settlement) {
        var end: Settlement = settlement
        for entry in entries {
            if let segment = entry.segment {
                end.sequences.insert(entry.stored.sequence)
                end.segments[segment, default: 0] += entry.samples
            } else {
                end.unspooled += entry.samples
            }
        }
        unspooledWaiting -= end.unspooled
        spool.settle(end)
    }

    // MARK: Backlog

    private var entriesInMemory: [Entry] { Array(fresh) + Array(backlog) + shipments.values.flatMap(\.entries) }

    private var spooledInMemory: [Int: [Entry]] {
        var held: [Int: [Entry]] = [:]
        for entry in entriesInMemory { if let segment = entry.segment { held[segment, default: []].append(entry) } }
        return held
    }

    /// Reads the oldest segment that holds what is not in memory.
    private mutating func loadBacklog(now: Timestamp) {
        let held: [Int: [Entry]] = spooledInMemory
        for number in spool.segments.keys.sorted() {
            guard let segment = spool.segments[number] else { continue }
            let own: [Entry] = held[number] ?? []
            guard segment.pending.count > own.count else { continue }
            let known = SequenceSet(own.map(\.stored.sequence))
            let read: [Entry] = spool.pending(in: number).filter { !known.contains($0.sequence) }.map {
                Entry(stored: $0, samples: $0.frame.samples, segment: number)
            }
            backlog = read[...]
            forgetUnreadable(segment, readable: own + read)
            backlog = backlog.filter { !spool.isTooOld($0.frame.time, now: now) }[...]
            drop(read.filter { spool.isTooOld($0.frame.time, now: now) }, .tooOld)
            if !backlog.isEmpty { return }
        }
    }

    /// What a segment should hold and does not is lost, and counted.
    private mutating func forgetUnreadable(_ segment: SpoolSegment, readable: [Entry]) {
        var lost: SequenceSet = segment.pending
        lost.subtract(SequenceSet(readable.map(\.stored.sequence)))
        guard !lost.isEmpty else { return }
        var end = Settlement(sequences: lost)
        let samples: Int = segment.samples - readable.reduce(0) { $0 + $1.samples }
        end.segments = [segment.number: samples]
        end.dropped = [.damaged: samples]
        spool.settle(end)
    }

    // MARK: The end

    /// Writes down what is in memory alone, before the agent stops. What the disk does not take is lost with it; the
    /// answer is how many samples that is.
    package mutating func leaveEverythingToDisk() -> Int {
        var lost = 0
        func kept(_ entry: Entry) -> Entry {
            guard entry.segment == nil else { return entry }
            var entry: Entry = entry
            entry.segment = spool.append(entry.stored)
            if entry.segment == nil { lost += entry.samples } else { unspooledWaiting -= entry.samples }
            return entry
        }
        fresh = ArraySlice(fresh.map(kept))
        for (number, shipment) in shipments { shipments[number]?.entries = shipment.entries.map(kept) }
        return lost
    }
}
