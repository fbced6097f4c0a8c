package import Telemetry

/// One frame on its way to the server. Frames of one producer share their list of series.
package struct CollectedFrame: Hashable, Sendable {
    package var producer: String
    package var series: [Series]
    package var time: Timestamp
    package var values: [Double?]

    package init(producer: String, series: [Series], time: Timestamp, values: [Double?]) {
        precondition(series.count == values.count, "a frame has a value per series")
        self.producer = producer
        self.series = series
        self.time = time
        self.values = values
    }

    var points: Int { values.count }
    /// What it costs to keep: the values, and a part of the list that it shares.
    var bytes: Int { 128 + 16 * values.count }
}

/// What waits for the server, oldest first, and what is on its way. A value: the shipper acts on what it says.
///
/// Every frame that goes in comes out in exactly one way: delivered, dropped because newer ones need the place, or dead
/// because the server refuses it alone.
package struct Outbox: Sendable {
    /// The bounds. When one is met the oldest frames are dropped: the newest say what is so now.
    package struct Limits: Hashable, Sendable {
        /// Six collectors at ten seconds fill this in nine hours.
        package var frames = 20_000
        package var bytes = 32 << 20
        /// The most points of one request.
        package var pointsPerRequest = 1000

        package init() {}
    }

    private struct Entry: Sendable {
        var frame: CollectedFrame
        var isSpooled: Bool
    }

    private let limits: Limits
    private var waiting: ArraySlice<Entry> = []
    private var underway: [Entry] = []
    /// How many points the next request may carry: fewer after a refusal, until the culprit is found.
    private var pointLimit: Int

    package private(set) var bytes = 0
    package private(set) var droppedFrames = 0
    package private(set) var deadPoints = 0

    package init(limits: Limits = Limits()) {
        self.limits = limits
        pointLimit = limits.pointsPerRequest
    }

    package var frames: Int { waiting.count + underway.count }
    package var isEmpty: Bool { frames == 0 }
    /// Everything that is not delivered, oldest first.
    package var contents: [CollectedFrame] { underway.map(\.frame) + waiting.map(\.frame) }
    /// Whether something is left of what was read from the spool.
    package var holdsSpooled: Bool { underway.contains(where: \.isSpooled) || waiting.contains(where: \.isSpooled) }

    package mutating func append(_ frame: CollectedFrame, isSpooled: Bool = false) {
        waiting.append(Entry(frame: frame, isSpooled: isSpooled))
        bytes += frame.bytes
        while frames > limits.frames || bytes > limits.bytes, let oldest = waiting.popFirst() {
            bytes -= oldest.frame.bytes
            droppedFrames += 1
        }
    }

    /// The next request's frames, oldest first; they are underway until one of the three answers below. Nil where there
    /// is nothing, or something is underway.
    package mutating func take() -> [CollectedFrame]? {
        guard underway.isEmpty, let first = waiting.first else { return nil }
        if first.frame.points > pointLimit { splitFirst() }
        var points = 0
        while let next = waiting.first, underway.isEmpty || points + next.frame.points <= pointLimit {
            points += next.frame.points
            underway.append(next)
            waiting.removeFirst()
        }
        return underway.map(\.frame)
    }

    /// The server has them.
    package mutating func delivered() {
        bytes -= underway.reduce(0) { $0 + $1.frame.bytes }
        underway = []
        pointLimit = min(limits.pointsPerRequest, pointLimit * 2)
    }

    /// They did not arrive, or nobody knows; they are sent again.
    package mutating func returned() {
        waiting = underway[...] + waiting
        underway = []
    }

    /// The server will not have them as they are. They are sent again in halves until the one point is found that it
    /// refuses alone, and that is given up. Answers whether it was.
    package mutating func refused() -> Bool {
        let points: Int = underway.reduce(0) { $0 + $1.frame.points }
        guard points > 1 else {
            bytes -= underway.reduce(0) { $0 + $1.frame.bytes }
            deadPoints += points
            underway = []
            return true
        }
        pointLimit = max(1, min(pointLimit, points) / 2)
        returned()
        return false
    }

    /// Cuts the first frame in two that hold different series.
    private mutating func splitFirst() {
        guard let whole = waiting.popFirst() else { return }
        let frame: CollectedFrame = whole.frame
        func part(_ range: Range<Int>) -> Entry {
            Entry(
                frame: CollectedFrame(
                    producer: frame.producer, series: Array(frame.series[range]), time: frame.time,
                    values: Array(frame.values[range])),
                isSpooled: whole.isSpooled)
        }
        let parts: [Entry] = [part(0..<pointLimit), part(pointLimit..<frame.points)]
        bytes += parts.reduce(-frame.bytes) { $0 + $1.frame.bytes }
        waiting = parts[...] + waiting
    }
}

extension Outbox {
    /// Frames as batches of one host: those of one producer with one list of series together.
    package static func batches(_ frames: [CollectedFrame], host: String) -> [FrameBatch] {
        var batches: [FrameBatch] = []
        for frame in frames {
            let plain = Frame(time: frame.time, values: frame.values)
            let place: Int? = batches.lastIndex { $0.source.producer == frame.producer && $0.series == frame.series }
            if let place {
                batches[place].frames.append(plain)
            } else {
                let source = Source(host: host, producer: frame.producer)
                batches.append(FrameBatch(source: source, series: frame.series, frames: [plain]))
            }
        }
        return batches
    }
}
