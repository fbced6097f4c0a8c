/// Frames that share a list of series, flat: what the hot path of ingest works on. A value costs 8 bytes and no
/// branch, where a `Double?` costs 16.
///
/// Invariant: `values` holds `width` values per instant, frame by frame; a series that is absent is ``Double/absent``,
/// one that ended the stale marker, and every other NaN is the ordinary one (see ``append(_:at:)``).
package struct FrameTable: Sendable {
    package let width: Int
    package private(set) var times: [Timestamp]
    package private(set) var values: [Double]

    package init(width: Int, capacity: Int = 0) {
        self.width = width
        times = []
        values = []
        times.reserveCapacity(capacity)
        values.reserveCapacity(capacity * width)
    }

    /// Adopts what a decoder has written.
    package init(width: Int, times: [Timestamp], values: [Double]) {
        precondition(values.count == times.count * width, "a frame has a value per series")
        self.width = width
        self.times = times
        self.values = values
    }

    package init(_ batch: FrameBatch) {
        self.init(width: batch.series.count, capacity: batch.frames.count)
        for frame in batch.frames { append(frame.values, at: frame.time) }
    }

    /// Adds a frame. NaNs other than the stale marker become the ordinary one.
    package mutating func append(_ frame: [Double?], at time: Timestamp) {
        precondition(frame.count == width, "a frame has a value per series")
        times.append(time)
        for value in frame { values.append(value.map(\.withOrdinaryNaN) ?? .absent) }
    }

    /// The values of one frame.
    package func row(_ index: Int) -> ArraySlice<Double> { values[(index * width)..<((index + 1) * width)] }

    /// Only these columns, in this order.
    package func keeping(columns: [Int]) -> FrameTable {
        var kept: [Double] = []
        kept.reserveCapacity(times.count * columns.count)
        for row in times.indices { for column in columns { kept.append(values[row * width + column]) } }
        return FrameTable(width: columns.count, times: times, values: kept)
    }

    /// Only these frames, in this order.
    package func keeping(rows: [Int]) -> FrameTable {
        var kept: [Double] = []
        kept.reserveCapacity(rows.count * width)
        for row in rows { kept += self.row(row) }
        return FrameTable(width: width, times: rows.map { times[$0] }, values: kept)
    }

    /// The frames one by one, for callers that do not count nanoseconds.
    package var frames: [Frame] {
        times.indices.map { Frame(time: times[$0], values: row($0).map { $0.isAbsent ? nil : $0 }) }
    }

    /// How many values one series has.
    package func sampleCount(column: Int) -> Int {
        stride(from: column, to: values.count, by: width).reduce(0) { $0 + (values[$1].isAbsent ? 0 : 1) }
    }

    /// How many values there are: absent ones are none.
    package var sampleCount: Int { values.reduce(0) { $0 + ($1.isAbsent ? 0 : 1) } }
}

extension Double {
    /// In a flat table: no value. Another NaN than the stale marker, and one that no sample has.
    package static let absent = Double(bitPattern: 0x7FF0_0000_0000_0001)

    package var isAbsent: Bool { bitPattern == 0x7FF0_0000_0000_0001 }

    /// The value itself; of NaNs only the stale marker keeps its payload.
    package var withOrdinaryNaN: Double { isNaN && !isStaleMarker ? .nan : self }
}
