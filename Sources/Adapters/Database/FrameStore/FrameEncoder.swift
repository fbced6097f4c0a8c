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

    /// What a row takes besides its values: the count of fields, lengths and contents of source, time, layout and
    /// sequence, the array's header, the length of the stale bits and their count.
    private static let rowOverhead = 2 + 8 + 12 + 8 + 24 + 12 + 8

    /// `sequence` is the transaction's number; a row's is made of it and the row's place among its batches.
    static func encode(_ rows: some Collection<FrameRow>, sequence: Int) -> [UInt8] {
        // At most: absent values take less.
        let size: Int = rows.reduce(headerLength + 2) {
            $0 + rowOverhead + 12 * $1.values.count + $1.values.count / 8 + 1
        }
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

    private static func write(_ row: FrameRow, sequence: Int64, to writer: inout BigEndianWriter) {
        writer.write(Int16(6))
        writer.write(Int32(4))
        writer.write(Int32(truncatingIfNeeded: row.source))
        writer.write(Int32(8))
        // PostgreSQL counts from 2000-01-01.
        writer.write(row.time.microseconds &- 946_684_800_000_000)
        writer.write(Int32(4))
        writer.write(Int32(truncatingIfNeeded: row.layout))
        let hasStaleMarker: Bool = writeValues(row.values, to: &writer)
        if hasStaleMarker { writeStale(row.values, to: &writer) } else { writer.write(Int32(-1)) }
        writer.write(Int32(8))
        writer.write(sequence)
    }

    /// An array: its length, dimensions, whether there are NULLs, type, count and lower bound, then the values. Answers
    /// whether a series ended.
    private static func writeValues(_ values: ArraySlice<Double>, to writer: inout BigEndianWriter) -> Bool {
        let start: Int = writer.position
        writer.write(Int32(0))
        writer.write(Int32(1))
        writer.write(Int32(0))
        writer.write(float8Type)
        writer.write(Int32(values.count))
        writer.write(Int32(1))
        let (absent, stale): (Int, Int) = writer.writeCells(values)
        writer.patch(Int32(writer.position - start - 4), at: start)
        if absent + stale > 0 { writer.patch(Int32(1), at: start + 8) }
        return stale > 0
    }

    /// `bit varying`: the number of bits, then the bits from the highest of each byte.
    private static func writeStale(_ values: ArraySlice<Double>, to writer: inout BigEndianWriter) {
        let byteCount: Int = (values.count + 7) / 8
        writer.write(Int32(4 + byteCount))
        writer.write(Int32(values.count))
        for byte in 0..<byteCount {
            var bits: UInt8 = 0
            for bit in 0..<8 where byte * 8 + bit < values.count {
                if values[values.startIndex + byte * 8 + bit].isStaleMarker { bits |= 0x80 >> UInt8(bit) }
            }
            writer.write(bits)
        }
    }
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

    /// Writes over what is there.
    func patch(_ number: Int32, at place: Int) {
        precondition(place >= 0 && place + 4 <= position, "nothing was written there")
        unsafe memory.storeBytes(of: number.bigEndian, toByteOffset: place, as: Int32.self)
    }

    /// Each value with its length before it; NULL, which is only a length, where there is none. One check for all.
    mutating func writeCells(_ values: ArraySlice<Double>) -> (absent: Int, stale: Int) {
        precondition(unsafe position + 12 * values.count <= memory.count, "the size was counted wrong")
        let (length, null): (Int32, Int32) = (Int32(8).bigEndian, -1)
        var (absent, stale): (Int, Int) = (0, 0)
        var place: Int = position
        for value in values {
            let bits: UInt64 = value.bitPattern
            // Both special values are NaNs with small payloads: one comparison passes all others.
            if bits &- 0x7FF0_0000_0000_0001 <= 1 {
                if value.isAbsent { absent += 1 } else { stale += 1 }
                unsafe memory.storeBytes(of: null, toByteOffset: place, as: Int32.self)
                place += 4
            } else {
                unsafe memory.storeBytes(of: length, toByteOffset: place, as: Int32.self)
                unsafe memory.storeBytes(of: bits.bigEndian, toByteOffset: place + 4, as: UInt64.self)
                place += 12
            }
        }
        position = place
        return (absent, stale)
    }
}
