package import Declarations
import Glibc
package import Telemetry

/// The rows that a statement gave, copied out of libpq's memory.
///
/// All cells lie in one buffer, so that a result of a million cells is three allocations.
package struct SQLResult: Sendable {
    let storage: SQLResultStorage
    /// How many rows an INSERT, UPDATE, DELETE, SELECT or COPY touched.
    package let affected: Int

    package var rows: SQLRows { SQLRows(storage: storage) }
    package var columns: [String] { storage.columns }

    /// The only row; throws where there is none or more than one.
    package func only() throws(DatabaseError) -> SQLRow {
        guard storage.rowCount == 1 else {
            throw .usage("expected one row, got \(storage.rowCount)", operation: storage.operation)
        }
        return rows[0]
    }
}

/// The rows of a result, in order.
package struct SQLRows: RandomAccessCollection, Sendable {
    let storage: SQLResultStorage

    package var startIndex: Int { 0 }
    package var endIndex: Int { storage.rowCount }
    package subscript(position: Int) -> SQLRow {
        precondition(position >= 0 && position < storage.rowCount, "no row \(position)")
        return SQLRow(storage: storage, index: position)
    }
}

/// One row. `row["column"]` is the cell; `try row.string("column")` is its value, or an error that names the column.
package struct SQLRow: Sendable {
    let storage: SQLResultStorage
    let index: Int

    /// The cell of a column. Naming a column that the statement does not have is a bug of ours.
    package subscript(column: String) -> SQLCell {
        guard let position = storage.positions[column] else {
            preconditionFailure("no column \"\(column)\" in: \(storage.operation)")
        }
        return self[position]
    }

    /// The cell of the column at `position`, from 0.
    package subscript(position: Int) -> SQLCell {
        precondition(position >= 0 && position < storage.columns.count, "no column \(position)")
        return SQLCell(storage: storage, column: position, cell: index * storage.columns.count + position)
    }

    package func string(_ column: String) throws(DatabaseError) -> String { try value(column, "text", \.string) }
    package func int(_ column: String) throws(DatabaseError) -> Int { try value(column, "an integer", \.int) }
    package func double(_ column: String) throws(DatabaseError) -> Double { try value(column, "a number", \.double) }
    package func bool(_ column: String) throws(DatabaseError) -> Bool { try value(column, "a boolean", \.bool) }
    package func time(_ column: String) throws(DatabaseError) -> Timestamp { try value(column, "a time", \.time) }
    package func json(_ column: String) throws(DatabaseError) -> JSONValue { try value(column, "JSON", \.json) }
    package func bytes(_ column: String) throws(DatabaseError) -> [UInt8] { try value(column, "bytes", \.bytes) }
    package func strings(_ column: String) throws(DatabaseError) -> [String] { try value(column, "texts", \.strings) }

    private func value<Value>(
        _ column: String, _ expected: String, _ read: (SQLCell) -> Value?
    ) throws(DatabaseError) -> Value {
        let cell: SQLCell = self[column]
        guard let value = read(cell) else {
            let found: String = cell.isNull ? "NULL" : "\"\((cell.string ?? "bytes").prefix(60))\""
            throw .usage("column \(column): expected \(expected), got \(found)", operation: storage.operation)
        }
        return value
    }
}

/// A row's cells as they came, to see whether a later row is the same.
struct RawRow: Hashable, Sendable {
    var bytes: [UInt8]
    var lengths: [Int32]

    /// The cell of the column at `position`, from 0; empty for NULL. Costs the more the further behind it lies.
    func cell(_ position: Int) -> ArraySlice<UInt8> {
        let start: Int = lengths[..<position].reduce(0) { $0 + Int(max($1, 0)) }
        return bytes[start..<start + Int(max(lengths[position], 0))]
    }
}

extension SQLRow {
    private var cells: Range<Int> { (index * storage.columns.count)..<((index + 1) * storage.columns.count) }

    private var bytes: ArraySlice<UInt8> {
        guard !cells.isEmpty else { return [] }
        let end: Int = cells.upperBound < storage.starts.count ? storage.starts[cells.upperBound] : storage.bytes.count
        return storage.bytes[storage.starts[cells.lowerBound]..<end]
    }

    var copied: RawRow { RawRow(bytes: Array(bytes), lengths: Array(storage.lengths[cells])) }

    func isEqual(to row: RawRow) -> Bool {
        haveSameBytes(storage.lengths[cells], row.lengths[...]) && haveSameBytes(bytes, row.bytes[...])
    }

    /// Whether the first cells of a row are the same as all of this one.
    func isBeginning(of row: RawRow) -> Bool {
        let (cells, bytes) = (cells, bytes)
        return haveSameBytes(storage.lengths[cells], row.lengths.prefix(cells.count))
            && haveSameBytes(bytes, row.bytes.prefix(bytes.count))
    }
}

extension SQLResult {
    /// Whether every cell is the same.
    func isEqual(to other: SQLResult) -> Bool {
        haveSameBytes(storage.lengths[...], other.storage.lengths[...])
            && haveSameBytes(storage.bytes[...], other.storage.bytes[...])
    }
}

/// Equality of numbers by their memory: in a debug build `==` visits them one by one, a thousand times slower.
private func haveSameBytes<Number: FixedWidthInteger>(_ left: ArraySlice<Number>, _ right: ArraySlice<Number>) -> Bool {
    guard left.count == right.count, !left.isEmpty else { return left.count == right.count }
    return unsafe left.withUnsafeBytes { one in
        unsafe right.withUnsafeBytes { other in
            guard let one = one.baseAddress, let other = other.baseAddress else { return false }
            return unsafe memcmp(one, other, left.count * MemoryLayout<Number>.stride) == 0
        }
    }
}

/// What a result holds; see ``SQLResult``.
final class SQLResultStorage: Sendable {
    private let sql: String
    let columns: [String]
    let positions: [String: Int]
    /// Per column: whether its cells are in PostgreSQL's binary form rather than text.
    let isBinary: [Bool]
    let rowCount: Int
    let bytes: [UInt8]
    /// Per cell, row by row: where it begins in `bytes`.
    let starts: [Int]
    /// Per cell: how many bytes it has; -1 for NULL.
    let lengths: [Int32]

    init(
        sql: String, columns: [String], isBinary: [Bool], rowCount: Int, bytes: [UInt8], starts: [Int],
        lengths: [Int32]
    ) {
        self.sql = sql
        self.columns = columns
        positions = Dictionary(columns.enumerated().map { ($0.element, $0.offset) }) { first, _ in first }
        self.isBinary = isBinary
        self.rowCount = rowCount
        self.bytes = bytes
        self.starts = starts
        self.lengths = lengths
    }

    /// For errors: made when it is asked for, as few results give one.
    var operation: String { DatabaseError.operation(of: sql) }
}
