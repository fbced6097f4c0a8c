/// What one source reported together at one instant: a value per series of its batch's list, nil where a series was
/// absent this time.
package struct Frame: Hashable, Sendable {
    package var time: Timestamp
    package var values: [Double?]

    package init(time: Timestamp, values: [Double?]) {
        self.time = time
        self.values = values
    }
}

/// Frames of one source that share an ordered list of series; the unit that ingest accepts and stores.
///
/// Invariant: each frame has as many values as there are series.
package struct FrameBatch: Hashable, Sendable {
    package var source: Source
    package var series: [Series]
    package var frames: [Frame]

    package init(source: Source, series: [Series], frames: [Frame]) {
        self.source = source
        self.series = series
        self.frames = frames
    }
}

/// Frames of one source on their way into the store, flat.
///
/// Invariant: the table is as wide as there are series.
package struct FrameWrite: Sendable {
    package var source: Source
    package var series: [Series]
    /// What the sender calls the list, where it has a name for it: a list that is known by name is not looked at again.
    /// The same name must always come with the same `series`.
    package var name: LayoutHash?
    package var table: FrameTable

    package init(source: Source, series: [Series], name: LayoutHash? = nil, table: FrameTable) {
        precondition(series.count == table.width, "a table has a column per series")
        self.source = source
        self.series = series
        self.name = name
        self.table = table
    }

    package init(_ batch: FrameBatch) {
        self.init(source: batch.source, series: batch.series, table: FrameTable(batch))
    }
}

/// What became of a batch: every sample is counted in exactly one of the four.
package struct IngestCounts: Hashable, Sendable {
    /// Samples stored for the first time.
    package var stored = 0
    /// Samples that were there already, with the same value.
    package var duplicates = 0
    /// Samples that replaced another value of the same series and instant.
    package var replaced = 0
    /// Samples refused, each with a reason in the answer.
    package var rejected = 0

    package init() {}

    package static func + (left: IngestCounts, right: IngestCounts) -> IngestCounts {
        var sum: IngestCounts = left
        sum.stored += right.stored
        sum.duplicates += right.duplicates
        sum.replaced += right.replaced
        sum.rejected += right.rejected
        return sum
    }
}
