/// What a query over a wide range wants to know of a series in a block without decoding it.
package struct SeriesSummary: Hashable, Sendable {
    /// Values that are numbers: stale markers and other NaN are left out here and below.
    package var count: Int
    package var first: Double
    package var last: Double
    package var least: Double
    package var greatest: Double
    package var sum: Double

    package init(count: Int, first: Double, last: Double, least: Double, greatest: Double, sum: Double) {
        (self.count, self.first, self.last) = (count, first, last)
        (self.least, self.greatest, self.sum) = (least, greatest, sum)
    }

    /// Of a series without a number; the other fields say nothing then.
    package static let none = SeriesSummary(count: 0, first: 0, last: 0, least: 0, greatest: 0, sum: 0)

    package init(_ values: [Double]) {
        self = .none
        // What adding loses is added up beside the sum (Neumaier); a day of a counter would lose the last digits.
        var lost = 0.0
        for value in values where !value.isNaN {
            if count == 0 { (first, least, greatest) = (value, value, value) }
            count += 1
            last = value
            least = min(least, value)
            greatest = max(greatest, value)
            let total: Double = sum + value
            lost += sum.magnitude >= value.magnitude ? (sum - total) + value : (value - total) + sum
            sum = total
        }
        if lost.isFinite { sum += lost }
    }
}

extension SeriesSummary {
    private enum Kind: UInt8 {
        case none = 0
        /// All numbers are the same.
        case constant = 1
        /// Every field as a double.
        case plain = 2
        /// Every field as an integer by one power of ten.
        case decimal = 3
    }

    func write(to writer: inout ByteWriter) {
        guard count > 0 else { return writer.write(Kind.none.rawValue) }
        if isConstant {
            writer.write(Kind.constant.rawValue)
            writer.write(varint: UInt64(count))
            return writer.write(first)
        }
        guard let (exponent, whole) = integers else {
            writer.write(Kind.plain.rawValue)
            writer.write(varint: UInt64(count))
            for value in fields { writer.write(value) }
            return
        }
        writer.write(Kind.decimal.rawValue)
        writer.write(varint: UInt64(count))
        writer.write(UInt8(exponent))
        // Near each other: the others as their distance from the first.
        writer.write(signed: whole[0])
        for value in whole[1...3] { writer.write(signed: value &- whole[0]) }
        writer.write(signed: whole[4])
    }

    init(_ reader: inout ByteReader, rows: Int) throws(BlockError) {
        guard let kind = Kind(rawValue: try reader.byte()) else { throw BlockError("a summary of an unknown kind") }
        guard kind != .none else {
            self = .none
            return
        }
        let count: Int = try reader.count(atMost: rows)
        switch kind {
        case .none, .constant:
            let value: Double = try reader.double()
            self.init(
                count: count, first: value, last: value, least: value, greatest: value, sum: value * Double(count))
        case .plain:
            self.init(
                count: count, first: try reader.double(), last: try reader.double(), least: try reader.double(),
                greatest: try reader.double(), sum: try reader.double())
        case .decimal:
            let exponent = Int(try reader.byte())
            guard exponent < DecimalScale.powers.count else { throw BlockError("a scale of 10^\(exponent)") }
            let power: Double = DecimalScale.powers[exponent]
            let first: Int64 = try reader.signed()
            self.init(
                count: count, first: Double(first) / power, last: Double(first &+ (try reader.signed())) / power,
                least: Double(first &+ (try reader.signed())) / power,
                greatest: Double(first &+ (try reader.signed())) / power, sum: Double(try reader.signed()) / power)
        }
    }

    private var fields: [Double] { [first, last, least, greatest, sum] }

    /// The sum must follow from the value, bit by bit, or it is written.
    private var isConstant: Bool {
        first.bitPattern == last.bitPattern && least.bitPattern == greatest.bitPattern
            && first.bitPattern == least.bitPattern && sum.bitPattern == (first * Double(count)).bitPattern
    }

    /// The fields as integers, where one exponent fits them all.
    private var integers: (exponent: Int, whole: [Int64])? {
        for exponent in DecimalScale.powers.indices {
            let whole: [Int64] = fields.compactMap { DecimalScale.mantissa($0, exponent) }
            if whole.count == fields.count { return (exponent, whole) }
        }
        return nil
    }
}
