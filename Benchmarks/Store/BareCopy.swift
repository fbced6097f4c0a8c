import Database
import Runtime
import Telemetry

/// The rows that a load becomes, by binary COPY into a table with the same columns and key in the same PostgreSQL, a
/// transaction for each request: what is left when HTTP, tokens, the form, limits, series and duplicates are taken away.
struct BareCopy: Sendable {
    let platform: BenchPlatform
    let clients: Int

    private static let statement =
        "COPY \(CopyLoad.table) (source, time, layout, values, stale, ingest_seq) FROM STDIN (FORMAT binary)"

    /// By the loads' titles.
    func run() async throws -> [(load: String, measurement: Measurement)] {
        print("\nBare COPY")
        let connection = try await PostgresConnection(platform.database, applicationName: "plumb-bench")
        try await connection.script("CREATE TABLE \(CopyLoad.table) (LIKE frames INCLUDING ALL)")
        var all: [(load: String, measurement: Measurement)] = []
        for load in StoreLoad.all {
            let measurement: Measurement = try await measure(load)
            all.append((load.title, measurement))
            print(
                "  \(load.name): \((measurement.samplesPerSecond / 1e6).text(2)) M samples/s, "
                    + "\(measurement.processorSecondsPerMillionSamples.text(3)) CPU s/M")
            try await connection.script("TRUNCATE \(CopyLoad.table)")
        }
        await connection.close()
        return all
    }

    private func measure(_ load: StoreLoad) async throws -> Measurement {
        let fleet = Fleet(
            name: load.name, hosts: load.hosts, seriesPerHost: load.series, start: Timestamp.now().milliseconds)
        var walks: [HostWalk] = fleet.walks()
        let clients: Int = load.clients.map { min($0, 8) } ?? self.clients
        var contents: [[[UInt8]]] = Array(repeating: [], count: clients)
        var made = 0
        while made < load.ticks {
            for host in walks.indices {
                let frames: [Frame] = walks[host].frames(load.perRequest)
                contents[host % clients].append(CopyRows.bytes(source: Int32(host), frames))
            }
            made += load.perRequest
        }
        let before = ProcessorTime(platform.record)
        var measurement: Measurement = try await send(contents)
        measurement.samples = load.hosts * load.series * load.ticks
        measurement.processorSeconds = ProcessorTime(platform.record).postgres - before.postgres
        return measurement
    }

    private func send(_ contents: [[[UInt8]]]) async throws -> Measurement {
        let clock = ContinuousClock()
        let start: ContinuousClock.Instant = clock.now
        var sum = Measurement()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for own in contents {
                group.addTask { [platform] in
                    let connection = try await PostgresConnection(platform.database, applicationName: "plumb-bench")
                    for content in own { try await connection.copyIn(Self.statement, content) }
                    await connection.close()
                }
            }
            try await group.waitForAll()
        }
        sum.elapsed = clock.now - start
        return sum
    }
}

/// Rows of `frames` in PostgreSQL's binary form, written as simply as can be: it is not what is measured.
enum CopyRows {
    /// A row for each frame and 200 series.
    static func bytes(source: Int32, _ frames: [Frame]) -> [UInt8] {
        var bytes: [UInt8] = Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0x00]
        bytes.reserveCapacity(frames.reduce(64) { $0 + $1.values.count * 12 + 256 })
        append(Int32(0), to: &bytes)
        append(Int32(0), to: &bytes)
        for frame in frames {
            for (layout, start) in stride(from: 0, to: frame.values.count, by: 200).enumerated() {
                let values: ArraySlice<Double?> = frame.values[start..<min(start + 200, frame.values.count)]
                row(source, Int32(layout), frame.time, values, to: &bytes)
            }
        }
        append(Int16(-1), to: &bytes)
        return bytes
    }

    /// source, time, layout, values, stale, ingest_seq.
    private static func row(
        _ source: Int32, _ layout: Int32, _ time: Timestamp, _ values: ArraySlice<Double?>, to bytes: inout [UInt8]
    ) {
        append(Int16(6), to: &bytes)
        append(Int32(4), to: &bytes)
        append(source, to: &bytes)
        append(Int32(8), to: &bytes)
        append(time.microseconds - 946_684_800_000_000, to: &bytes)
        append(Int32(4), to: &bytes)
        append(layout, to: &bytes)
        append(Int32(20 + 12 * values.count), to: &bytes)
        for header in [1, 0, 701, Int32(values.count), 1] { append(header, to: &bytes) }
        for value in values {
            append(Int32(8), to: &bytes)
            append(Int64(bitPattern: (value ?? 0).bitPattern), to: &bytes)
        }
        append(Int32(-1), to: &bytes)
        append(Int32(8), to: &bytes)
        append(Int64(1), to: &bytes)
    }

    static func append<Number: FixedWidthInteger>(_ number: Number, to bytes: inout [UInt8]) {
        for shift in stride(from: Number.bitWidth - 8, through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: number >> Number(shift)))
        }
    }
}
