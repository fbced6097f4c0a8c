import Database
import Telemetry

/// The peer: one connection that sends the rows of one host's frames with COPY, one transaction after the other, and
/// does nothing else. The bytes are encoded once; before each COPY the times in them are written over.
struct CopyLoad {
    static let table = "bench_copy"

    let framesPerTransaction: Int
    let seriesCount: Int
    private let rowsPerFrame: Int
    private var bytes: [UInt8] = []
    private var timeOffsets: [Int] = []
    /// Microseconds since 2000, as PostgreSQL counts.
    private var next: Int64

    /// - Parameter layouts: how many values each row of a frame has.
    init(source: Int32, frames: Int, layouts: [Int], start: Timestamp) {
        framesPerTransaction = frames
        seriesCount = layouts.reduce(0, +)
        rowsPerFrame = layouts.count
        next = start.microseconds - 946_684_800_000_000
        bytes = Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0x00]
        append(Int32(0))
        append(Int32(0))
        for frame in 0..<frames {
            let values: [Double?] = HTTPLoad.values(seriesCount, frame: frame)
            var first = 0
            for (layout, width) in layouts.enumerated() {
                appendRow(source: source, layout: Int32(layout), values: values[first..<first + width])
                first += width
            }
        }
        append(Int16(-1))
    }

    private mutating func append<Number: FixedWidthInteger>(_ number: Number) {
        for shift in stride(from: Number.bitWidth - 8, through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: number >> shift))
        }
    }

    /// source, time, layout, values, stale, ingest_seq.
    private mutating func appendRow(source: Int32, layout: Int32, values: ArraySlice<Double?>) {
        append(Int16(6))
        append(Int32(4))
        append(source)
        append(Int32(8))
        timeOffsets.append(bytes.count)
        append(Int64(0))
        append(Int32(4))
        append(layout)
        append(Int32(20 + 12 * values.count))
        for header in [1, 0, 701, Int32(values.count), 1] { append(header) }
        for value in values {
            append(Int32(8))
            append(Int64(bitPattern: (value ?? 0).bitPattern))
        }
        append(Int32(-1))
        append(Int32(8))
        append(Int64(1))
    }

    private mutating func renewTimes() {
        for (row, offset) in timeOffsets.enumerated() {
            for byte in 0..<8 { bytes[offset + byte] = UInt8(truncatingIfNeeded: next >> (56 - 8 * byte)) }
            // The rows of one frame are of one instant.
            if (row + 1) % rowsPerFrame == 0 { next += 1000 }
        }
    }

    /// Sends until `deadline`. A statement outside a transaction is one.
    mutating func run(
        on connection: PostgresConnection, until deadline: ContinuousClock.Instant
    ) async throws -> Measurement {
        let clock = ContinuousClock()
        let statement =
            "COPY \(Self.table) (source, time, layout, values, stale, ingest_seq) FROM STDIN (FORMAT binary)"
        var measurement = Measurement()
        while clock.now < deadline {
            renewTimes()
            let content: [UInt8] = bytes
            let start: ContinuousClock.Instant = clock.now
            try await connection.copyIn(statement, content)
            measurement.latencies.append(clock.now - start)
            measurement.frames += framesPerTransaction
            measurement.samples += framesPerTransaction * seriesCount
        }
        return measurement
    }
}
