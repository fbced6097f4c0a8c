import PromQL
import Telemetry

/// Rows of `frames` in PostgreSQL's binary COPY format (postgresql.org/docs/15/sql-copy.html, "Binary Format").
///
/// The hot path of ingest: sizes are counted first, and the bytes written once, straight into their place. Appending to
/// an array byte by byte is 18 times slower.
enum FrameEncoder {
    /// The columns, in the order in which they are written.
    static let columns = "source, time, layout, values, stale, ingest_seq"

    private static let float8Type: Int32 = 701
    private static let signature: [UInt8] = Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0x00]
    /// Signature, flags and the length of the header's extension; the trailer is two bytes.
    private static let headerLength: Int = signature.count + 8

    /// `sequence` is the request's number; a row's is made of it and the row's place in the request.
    static func encode(_ rows: [FrameRow], sequence: Int) -> [UInt8] {
        let size: Int = rows.reduce(headerLength + 2) { $0 + Self.size(of: $1) }
        return unsafe [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            var writer = unsafe BigEndianWriter(UnsafeMutableRawBufferPointer(buffer))
            for byte in signature { writer.write(byte) }
            writer.write(Int32(0))
            writer.write(Int32(0))
            for row in rows {
                write(row, sequence: Int64(sequence) * Int64(FrameRow.mostOrders) + Int64(row.order), to: &writer)
            }
            writer.write(Int16(-1))
            count = writer.position
        }
    }

    private static func size(of row: FrameRow) -> Int {
        let absent: Int = row.values.count { $0.map(\.isStaleMarker) ?? true }
        let stale: Int = row.hasStaleMarker ? 4 + (row.values.count + 7) / 8 : 0
        // Field count; lengths and contents of source, time, layout; array with its header; stale bits; sequence.
        return 2 + 8 + 12 + 8 + (4 + 20 + 12 * row.values.count - 8 * absent) + (4 + stale) + 12
    }

    private static func write(_ row: FrameRow, sequence: Int64, to writer: inout BigEndianWriter) {
        writer.write(Int16(6))
        writer.write(Int32(4))
        writer.write(Int32(truncatingIfNeeded: row.source))
        writer.write(Int32(8))
        // PostgreSQL counts from 2000-01-01.
        writer.write(row.time.microseconds &- 946_684_800_000_000)
        writer.write(Int32(4))
        writer.write(Int32(truncatingIfNeeded: row.layout))
        writeValues(row.values, to: &writer)
        if row.hasStaleMarker { writeStale(row.values, to: &writer) } else { writer.write(Int32(-1)) }
        writer.write(Int32(8))
        writer.write(sequence)
    }

    private static func writeValues(_ values: [Double?], to writer: inout BigEndianWriter) {
        let absent: Int = values.count { $0.map(\.isStaleMarker) ?? true }
        writer.write(Int32(20 + 12 * values.count - 8 * absent))
        writer.write(Int32(1))
        writer.write(Int32(absent > 0 ? 1 : 0))
        writer.write(float8Type)
        writer.write(Int32(values.count))
        writer.write(Int32(1))
        for value in values {
            if let value, !value.isStaleMarker {
                writer.write(Int32(8))
                writer.write(Int64(bitPattern: value.bitPattern))
            } else {
                writer.write(Int32(-1))
            }
        }
    }

    /// `bit varying`: the number of bits, then the bits from the highest of each byte.
    private static func writeStale(_ values: [Double?], to writer: inout BigEndianWriter) {
        let byteCount: Int = (values.count + 7) / 8
        writer.write(Int32(4 + byteCount))
        writer.write(Int32(values.count))
        for byte in 0..<byteCount {
            var bits: UInt8 = 0
            for bit in 0..<8 where byte * 8 + bit < values.count && values[byte * 8 + bit]?.isStaleMarker == true {
                bits |= 0x80 >> UInt8(bit)
            }
            writer.write(bits)
        }
    }
}

extension FrameRow {
    var hasStaleMarker: Bool { values.contains { $0?.isStaleMarker == true } }
}

extension Double {
    fileprivate var isStaleMarker: Bool { bitPattern == Double.staleMarker.bitPattern }
}

/// Writes integers into memory of a known size, most significant byte first.
@safe private struct BigEndianWriter {
    private let memory: UnsafeMutableRawBufferPointer
    private(set) var position = 0

    init(_ memory: UnsafeMutableRawBufferPointer) { unsafe self.memory = memory }

    mutating func write<Number: FixedWidthInteger & BitwiseCopyable>(_ number: Number) {
        precondition(unsafe position + MemoryLayout<Number>.size <= memory.count, "the size was counted wrong")
        unsafe memory.storeBytes(of: number.bigEndian, toByteOffset: position, as: Number.self)
        position += MemoryLayout<Number>.size
    }
}
