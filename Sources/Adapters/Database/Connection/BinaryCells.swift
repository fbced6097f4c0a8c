/// The cells of a result in PostgreSQL's binary form, by row and column: for loops over many rows, where a value of its
/// own for each cell costs more than the cell.
struct BinaryCells {
    private let storage: SQLResultStorage
    private let width: Int

    init(_ result: SQLResult) {
        storage = result.storage
        width = result.storage.columns.count
    }

    var rowCount: Int { storage.rowCount }

    func isNull(_ row: Int, _ column: Int) -> Bool { storage.lengths[row * width + column] < 0 }

    /// The bytes of a cell; nil for NULL.
    func bytes(_ row: Int, _ column: Int) -> ArraySlice<UInt8>? {
        let cell: Int = row * width + column
        let length = Int(storage.lengths[cell])
        guard length >= 0 else { return nil }
        return storage.bytes[storage.starts[cell]..<(storage.starts[cell] + length)]
    }

    func int32(_ row: Int, _ column: Int) -> Int32? {
        let cell: Int = row * width + column
        guard storage.lengths[cell] == 4 else { return nil }
        return Int32(bigEndian: load(storage.starts[cell], as: Int32.self))
    }

    func int64(_ row: Int, _ column: Int) -> Int64? {
        let cell: Int = row * width + column
        guard storage.lengths[cell] == 8 else { return nil }
        return Int64(bigEndian: load(storage.starts[cell], as: Int64.self))
    }

    /// A `timestamptz` in whole milliseconds since 1970, rounded down.
    func milliseconds(_ row: Int, _ column: Int) -> Int64? {
        guard let microseconds = int64(row, column) else { return nil }
        // PostgreSQL counts from 2000-01-01.
        let (since1970, overflow) = microseconds.addingReportingOverflow(946_684_800_000_000)
        guard !overflow else { return nil }
        let (quotient, remainder) = since1970.quotientAndRemainder(dividingBy: 1000)
        return remainder < 0 ? quotient - 1 : quotient
    }

    /// One element (from 0) of a `float8[]`; nil where it is NULL or past the end. Constant time as long as the array
    /// has no NULL.
    func doubleElement(_ row: Int, _ column: Int, _ index: Int) -> Double? {
        let cell: Int = row * width + column
        let start: Int = storage.starts[cell]
        let length = Int(storage.lengths[cell])
        // Header: dimensions, whether there are NULLs, element type, count, lower bound.
        guard length >= Self.headerLength, load(start + 4, as: Int32.self) == 0, index >= 0,
            index < Int(Int32(bigEndian: load(start + 12, as: Int32.self)))
        else { return SQLCell(storage: storage, column: column, cell: cell).doubleElement(index) }
        let position: Int = Self.headerLength + index * 12 + 4
        guard position + 8 <= length else { return nil }
        return Double(bitPattern: UInt64(bigEndian: load(start + position, as: UInt64.self)))
    }

    /// Visits the elements of an array of numbers of `Number`'s size; nil for NULL.
    func forEachElement<Number: FixedWidthInteger & BitwiseCopyable>(
        _ row: Int, _ column: Int, _ visit: (_ index: Int, _ bits: Number?) -> Void
    ) {
        let cell: Int = row * width + column
        let length = Int(storage.lengths[cell])
        guard length >= Self.headerLength else { return }
        let start: Int = storage.starts[cell]
        let count = Int(Int32(bigEndian: load(start + 12, as: Int32.self)))
        var position: Int = start + Self.headerLength
        let size: Int = MemoryLayout<Number>.size
        for index in 0..<max(0, count) {
            guard position + 4 <= start + length else { return }
            let itemLength = Int(Int32(bigEndian: load(position, as: Int32.self)))
            position += 4
            guard itemLength == size, position + size <= start + length else {
                visit(index, nil)
                if itemLength > 0 { return }
                continue
            }
            visit(index, Number(bigEndian: load(position, as: Number.self)))
            position += size
        }
    }

    private static let headerLength = 20

    /// Checked against the buffer's end; integers have no invalid bits.
    private func load<Number: BitwiseCopyable>(_ position: Int, as type: Number.Type) -> Number {
        let bytes: [UInt8] = storage.bytes
        return unsafe bytes.span.bytes.unsafeLoadUnaligned(fromByteOffset: position, as: type)
    }
}
