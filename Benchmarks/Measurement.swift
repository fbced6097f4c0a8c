/// What one client, or all of them together, did in one cell of the table.
struct Measurement: Sendable {
    /// From sending to the answer, one for each transaction.
    var latencies: [Duration] = []
    var frames = 0
    var samples = 0
    /// Of the requests' bodies.
    var bytes = 0
    /// The whole of the cell.
    var elapsed: Duration = .zero
    /// Processor time of server and PostgreSQL.
    var processorSeconds = 0.0

    static func + (left: Measurement, right: Measurement) -> Measurement {
        var sum: Measurement = left
        sum.latencies += right.latencies
        sum.frames += right.frames
        sum.samples += right.samples
        sum.bytes += right.bytes
        sum.elapsed += right.elapsed
        sum.processorSeconds += right.processorSeconds
        return sum
    }

    var framesPerSecond: Double { Double(frames) / elapsed.inSeconds }
    var samplesPerSecond: Double { Double(samples) / elapsed.inSeconds }
    var processorSecondsPerMillionSamples: Double { processorSeconds / Double(max(samples, 1)) * 1_000_000 }

    /// The latency that `part` of all transactions do not exceed (nearest rank), in milliseconds.
    func milliseconds(atQuantile part: Double) -> Double {
        guard !latencies.isEmpty else { return .nan }
        let rank = Int((part * Double(latencies.count)).rounded(.up))
        return latencies.sorted()[min(max(rank, 1), latencies.count) - 1].inSeconds * 1000
    }
}

extension Duration {
    var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
