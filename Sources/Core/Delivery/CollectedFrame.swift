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

    /// Places, with or without a value: what a request is measured by.
    package var points: Int { values.count }
    /// Values: what the ledger counts.
    package var samples: Int { values.reduce(0) { $0 + ($1 == nil ? 0 : 1) } }
    /// What it costs to keep in memory: the values, and a part of the list that it shares.
    package var bytes: Int { 128 + 16 * values.count }
    /// The hour that the ledger counts it in.
    package var hour: Int { DeliveryLedger.hour(of: time) }

    /// Two frames of the same instant that hold different series.
    func halves() -> [CollectedFrame] {
        [0..<points / 2, points / 2..<points].map { range in
            CollectedFrame(
                producer: producer, series: Array(series[range]), time: time, values: Array(values[range]))
        }
    }
}

extension CollectedFrame {
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
