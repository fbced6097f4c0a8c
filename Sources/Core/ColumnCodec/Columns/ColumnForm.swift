/// How the values of one series in a block are written; the first byte of a column.
enum ColumnForm: UInt8 {
    /// No row has a value.
    case empty = 0
    /// All values have the same bits.
    case constant = 1
    /// Runs of equal values: their lengths, and a column of one value for each.
    case runs = 2
    /// Integers by a power of ten, with the few values that are none.
    case decimal = 3
    /// Bits that differ from the value before.
    case xor = 4
    /// The bits themselves.
    case raw = 5
    /// Another form behind a general compressor.
    case compressed = 6

    /// Set in the first byte where some rows have no value.
    static let gapsFlag: UInt8 = 0x80
    /// Forms within forms: compressed runs of decimals.
    static let deepest = 3
}

/// A column decoded: the values of the rows that have one, in order.
package struct DecodedColumn: Hashable, Sendable {
    package var values: [Double]
    /// The rows without a value, in order; runs do not touch.
    package var gaps: [Range<Int>]

    package init(values: [Double], gaps: [Range<Int>]) {
        self.values = values
        self.gaps = gaps
    }
}
