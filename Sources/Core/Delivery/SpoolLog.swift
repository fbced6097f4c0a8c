package import Telemetry

/// The disk side of a delivery: every frame is appended before it is sent, and what became of it afterwards. So an agent
/// that is killed at any moment goes on where it was, and its ledger with it.
///
/// Segments are only appended to and removed. Each begins with a checkpoint, so a start reads one segment, and the
/// memory that a spool takes does not grow with what is in it. Without a disk it keeps the ledger alone.
package struct SpoolLog: Sendable {
    package struct Limits: Hashable, Sendable {
        /// Of all segments. Beyond it the oldest segment gives way.
        package var bytes = 256 << 20
        package var segmentBytes = 1 << 20
        /// How long anything is kept.
        package var age = PromDuration.days(7)

        package init() {}
    }

    /// A frame that is in the spool.
    struct Stored: Hashable, Sendable {
        var sequence: UInt64
        var frame: CollectedFrame
    }

    private let disk: (any SpoolDisk)?
    private let limits: Limits
    /// Of what is in the spool and of what came to an end; what waits in memory alone is not in it yet.
    private(set) var ledger: DeliveryLedger
    private(set) var segments: [Int: SpoolSegment] = [:]
    private var current: Int?
    private var layouts: [String: (series: [Series], number: UInt64)] = [:]
    private var nextLayout: UInt64 = 0
    private(set) var nextSequence: UInt64 = 1
    /// Why the last write did not succeed; nil where it did.
    package private(set) var failure: String?
    /// Stretches that could not be read.
    package private(set) var damages = 0

    /// Takes up what is on the disk. A disk that cannot be read is as an empty one: collection goes on.
    package init(disk: (any SpoolDisk)?, limits: Limits = Limits(), newLedger: DeliveryLedger) {
        self.disk = disk
        self.limits = limits
        ledger = newLedger
        guard disk != nil else { return }
        recover()
        openSegment()
        removeSettled()
    }

    package var bytes: Int { segments.values.reduce(0) { $0 + $1.bytes } }
    var pendingFrames: Int { segments.values.reduce(0) { $0 + $1.pending.count } }

    // MARK: Recovery

    /// From the newest checkpoint that can be read, everything behind it.
    private mutating func recover() {
        guard let disk else { return }
        let numbers: [Int]
        do throws(SpoolDiskError) { numbers = try disk.segments().sorted() } catch {
            failure = error.description
            return
        }
        var contents: [(number: Int, bytes: Int, records: [SpoolRecord])] = []
        for number in numbers.reversed() {
            guard let bytes = try? disk.read(number) else {
                damages += 1
                continue
            }
            let read = SpoolRecord.records(of: bytes)
            damages += read.damages
            contents.append((number, bytes.count, read.records))
            if case .checkpoint = read.records.first { break }
        }
        var recovery = SpoolRecovery()
        for content in contents.reversed() {
            segments[content.number, default: SpoolSegment(number: content.number)].bytes = content.bytes
            for record in content.records { replay(record, in: content.number, &recovery) }
        }
        if damages > 0 { countWhatIsDamaged(recovery) }
        current = numbers.last
        // A segment that no checkpoint speaks of was settled, and its removal did not succeed.
        for number in numbers where segments[number] == nil { try? disk.remove(number) }
    }

    private mutating func replay(_ record: SpoolRecord, in number: Int, _ recovery: inout SpoolRecovery) {
        switch record {
        case .checkpoint(let checkpoint):
            ledger = checkpoint.ledger
            recovery.begin = 0
            nextSequence = max(nextSequence, checkpoint.nextSequence)
            let own: SpoolSegment = segments[number] ?? SpoolSegment(number: number)
            segments = Dictionary(checkpoint.segments.map { ($0.number, $0) }) { _, last in last }
            segments[number] = own
        case .layout: break
        case .frame(let sequence, _, let time, let values, let collected):
            // What was collected between the record before and this one, and cannot be read.
            if let collected {
                ledger.samples.collected = max(ledger.samples.collected, recovery.counted(collected, by: ledger))
            }
            let samples: Int = values.reduce(0) { $0 + ($1 == nil ? 0 : 1) }
            recovery.samples[number, default: [:]][sequence] = samples
            added(sequence, samples: samples, at: time, to: number)
        case .settled(let settlement): apply(settlement)
        }
    }

    /// Makes the ledger balance with the frames that could be read. What is collected, neither acknowledged nor dropped
    /// nor there is lost; of what came to an end its frame may be what cannot be read.
    private mutating func countWhatIsDamaged(_ recovery: SpoolRecovery) {
        for (number, frames) in recovery.samples {
            guard let pending = segments[number]?.pending else { continue }
            segments[number]?.samples = frames.reduce(0) { $0 + (pending.contains($1.key) ? $1.value : 0) }
        }
        let lost: Int = ledger.samples.waiting - segments.values.reduce(0) { $0 + $1.samples }
        if lost > 0 { ledger.samples.drop(lost, .damaged) } else { ledger.samples.collected -= lost }
    }

    // MARK: Writing

    /// Takes the number of the next frame.
    mutating func takeSequence() -> UInt64 {
        defer { nextSequence += 1 }
        return nextSequence
    }

    /// Writes a frame down. Answers in which segment it is; nil where it is in none, because there is no disk or it
    /// does not take it.
    mutating func append(_ stored: Stored) -> Int? {
        guard disk != nil else { return nil }
        let isFull: Bool = current.flatMap { segments[$0]?.bytes }.map { $0 >= limits.segmentBytes } ?? true
        guard !(isFull || failure != nil) || probe(), let number = current else { return nil }
        let frame: CollectedFrame = stored.frame
        var bytes: [UInt8] = []
        let layout: UInt64
        if let known = layouts[frame.producer], known.series == frame.series {
            layout = known.number
        } else {
            layout = nextLayout
            bytes += SpoolRecord.layout(number: layout, producer: frame.producer, series: frame.series).encoded
        }
        bytes +=
            SpoolRecord.frame(
                sequence: stored.sequence, layout: layout, time: frame.time, values: frame.values,
                collected: ledger.samples.collected
            ).encoded
        guard write(bytes, to: number) else { return nil }
        if layout == nextLayout {
            layouts[frame.producer] = (frame.series, layout)
            nextLayout += 1
        }
        added(stored.sequence, samples: frame.samples, at: frame.time, to: number)
        return number
    }

    private mutating func added(_ sequence: UInt64, samples: Int, at time: Timestamp, to number: Int) {
        var segment: SpoolSegment = segments[number] ?? SpoolSegment(number: number)
        segment.pending.insert(sequence)
        segment.samples += samples
        segment.newest = max(segment.newest ?? time, time)
        segments[number] = segment
        ledger.samples.collected += samples
        nextSequence = max(nextSequence, sequence + 1)
    }

    /// Notes that frames came to an end, and removes segments that hold nothing else.
    mutating func settle(_ settlement: Settlement) {
        apply(settlement)
        guard disk != nil else { return removeSettled() }
        if failure == nil, let current, write(SpoolRecord.settled(settlement).encoded, to: current) {
            return removeSettled()
        }
        // What could not be written is made up for by the next checkpoint. Where there is no place for one, what is
        // settled makes some.
        guard !probe() else { return }
        removeSettled()
        _ = probe()
    }

    private mutating func apply(_ settlement: Settlement) {
        ledger.samples.collected += settlement.unspooled
        ledger.samples.acknowledged += settlement.acknowledged
        for (reason, count) in settlement.dropped { ledger.samples.drop(count, reason) }
        if settlement.stored > 0 { ledger.stored(settlement.stored, inHour: settlement.hour) }
        for (number, samples) in settlement.segments {
            segments[number]?.pending.subtract(settlement.sequences)
            segments[number]?.samples -= samples
        }
    }

    /// A new segment, whose beginning also says everything that could not be written before.
    private mutating func probe() -> Bool {
        openSegment()
        return failure == nil
    }

    private mutating func openSegment() {
        let number: Int = (segments.keys.max() ?? 0) + 1
        let others: [SpoolSegment] = segments.values.filter { !$0.pending.isEmpty }.sorted { $0.number < $1.number }
        let checkpoint = SpoolCheckpoint(ledger: ledger, nextSequence: nextSequence, segments: others)
        segments[number] = SpoolSegment(number: number)
        guard write(SpoolRecord.checkpoint(checkpoint).encoded, to: number) else {
            // Half a checkpoint may be there, in the way of nothing: the next attempt takes another number.
            try? disk?.remove(number)
            segments[number] = nil
            return
        }
        current = number
        layouts = [:]
        nextLayout = 0
        removeSettled()
    }

    private mutating func write(_ bytes: [UInt8], to number: Int) -> Bool {
        guard let disk else { return false }
        segments[number]?.bytes += bytes.count
        do throws(SpoolDiskError) {
            try disk.append(bytes, to: number)
            failure = nil
            return true
        } catch {
            failure = error.description
            return false
        }
    }

    // MARK: Removing

    private mutating func removeSettled() {
        for (number, segment) in segments where number != current && segment.pending.isEmpty { remove(number) }
    }

    private mutating func remove(_ number: Int) {
        segments[number] = nil
        try? disk?.remove(number)
    }

    /// The segment that has to give way: too old as a whole, or the oldest where all are too large together.
    func overdue(now: Timestamp) -> (number: Int, reason: DeliveryLedger.Reason)? {
        for segment in segments.values.sorted(by: { $0.number < $1.number }) where !segment.pending.isEmpty {
            if let newest = segment.newest, now - newest > limits.age { return (segment.number, .tooOld) }
            if segment.number != current, bytes > limits.bytes { return (segment.number, .spoolFull) }
            return nil
        }
        return nil
    }

    func isTooOld(_ time: Timestamp, now: Timestamp) -> Bool { now - time > limits.age }

    // MARK: Reading

    /// The frames of a segment that did not come to an end, in their order. Those that cannot be read are not among
    /// them.
    mutating func pending(in number: Int) -> [Stored] {
        guard let disk, let segment = segments[number] else { return [] }
        guard let bytes = try? disk.read(number) else {
            damages += 1
            return []
        }
        let (records, damages) = SpoolRecord.records(of: bytes)
        self.damages += damages
        var layouts: [UInt64: (producer: String, series: [Series])] = [:]
        var frames: [Stored] = []
        for record in records {
            switch record {
            case .layout(let number, let producer, let series): layouts[number] = (producer, series)
            case .frame(let sequence, let layout, let time, let values, _):
                guard segment.pending.contains(sequence), let layout = layouts[layout],
                    layout.series.count == values.count
                else { continue }
                let frame = CollectedFrame(
                    producer: layout.producer, series: layout.series, time: time, values: values)
                frames.append(Stored(sequence: sequence, frame: frame))
            case .checkpoint, .settled: break
            }
        }
        return frames
    }
}

/// What is learned while the records of a spool are read again.
private struct SpoolRecovery {
    /// The samples of each frame that was read, by segment and number.
    var samples: [Int: [UInt64: Int]] = [:]
    /// What the counts in frames begin with: 0 behind a checkpoint; without any, what was counted before the first frame
    /// belongs to a ledger that is lost.
    var begin: Int?

    /// A count that stands in a frame, as `ledger` would have it.
    mutating func counted(_ collected: Int, by ledger: DeliveryLedger) -> Int {
        let begin: Int = begin ?? (collected - ledger.samples.collected)
        self.begin = begin
        return collected - begin
    }
}
