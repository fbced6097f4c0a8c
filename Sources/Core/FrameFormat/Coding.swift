/// How the whole numbers of a column follow one another: the upper two bits of the column's form.
enum Coding: UInt8 {
    /// Each number's difference from the one before, in as many bytes as it needs.
    case differences = 0
    /// The numbers less the smallest of them, all in the same number of bits.
    case packed
    /// Their differences, packed.
    case packedDifferences
    /// The differences of their differences, packed: for what grows steadily.
    case packedSecondDifferences

    /// How many leading numbers stand outside the packed ones.
    var order: Int { rawValue == 0 ? 0 : Int(rawValue) - 1 }
}

/// Whole numbers taken apart for packing.
struct PackedNumbers {
    /// The first number, the first difference: as many as the order says.
    var leading: [Int64] = []
    var base: Int64 = 0
    var width = 0
    /// What the residuals are above `base`.
    var residuals: [UInt64] = []

    /// The first number is told from `start`, where it stands outside the packed ones.
    init(_ wholes: [Int64], order: Int, from start: Int64) {
        var numbers: [Int64] = wholes
        for _ in 0..<order {
            guard let first = numbers.first else { break }
            leading.append(first)
            numbers = zip(numbers.dropFirst(), numbers).map { $0 &- $1 }
        }
        if let first = leading.first { leading[0] = first &- start }
        guard let smallest = numbers.min() else { return }
        base = smallest
        residuals = numbers.map { UInt64(bitPattern: $0 &- smallest) }
        width = 64 - residuals.reduce(0, |).leadingZeroBitCount
    }

    var length: Int {
        let head: Int = leading.reduce(0) { $0 + $1.signedLength }
        return residuals.isEmpty ? head : head + base.signedLength + 1 + (residuals.count * width + 7) / 8
    }

    func write(to writer: inout ByteWriter) {
        for number in leading { writer.writeSigned(number) }
        guard !residuals.isEmpty else { return }
        writer.writeSigned(base)
        writer.write(UInt8(width))
        var (pending, count): (UInt64, Int) = (0, 0)
        for residual in residuals {
            // From the lowest bit up; at most 7 are pending.
            var (rest, left): (UInt64, Int) = (residual, width)
            while left > 0 {
                let taken: Int = min(left, 8 - count)
                pending |= (rest & ((1 << UInt64(taken)) - 1)) << UInt64(count)
                (rest, left, count) = (rest >> UInt64(taken), left - taken, count + taken)
                guard count == 8 else { continue }
                writer.write(UInt8(pending))
                (pending, count) = (0, 0)
            }
        }
        if count > 0 { writer.write(UInt8(pending)) }
    }
}
