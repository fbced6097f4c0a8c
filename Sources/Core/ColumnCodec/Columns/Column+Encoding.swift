/// The values of one series in the rows of a block.
package struct Column: Sendable {
    /// One for each row; what stands where a row has none does not matter.
    package var values: [Double]
    /// The rows without a value, in order; runs do not touch.
    package var gaps: [Range<Int>]

    package init(values: [Double], gaps: [Range<Int>] = []) {
        self.values = values
        self.gaps = gaps
    }

    /// The values of the rows that have one.
    package var present: [Double] {
        guard !gaps.isEmpty else { return values }
        var present: [Double] = []
        present.reserveCapacity(values.count)
        var next = 0
        for gap in gaps {
            present += values[next..<gap.lowerBound]
            next = gap.upperBound
        }
        return present + values[next...]
    }

    /// The shortest of the forms. docs/formats/column-blocks.md describes the bytes.
    func encoded(_ compression: ByteCompression?) -> [UInt8] {
        let present: [Double] = self.present
        let body: [UInt8] = ColumnEncoding(compression: compression).encode(present)
        guard !gaps.isEmpty, !present.isEmpty else { return body }
        var writer = ByteWriter()
        writer.write(body[0] | ColumnForm.gapsFlag)
        writer.write(varint: UInt64(gaps.count))
        var end = 0
        for gap in gaps {
            writer.write(varint: UInt64(gap.lowerBound - end))
            writer.write(varint: UInt64(gap.count))
            end = gap.upperBound
        }
        writer.write(Array(body.dropFirst()))
        return writer.bytes
    }
}

/// Chooses the form of a column of values without gaps.
struct ColumnEncoding {
    var compression: ByteCompression?

    /// A general compressor must win this much of a column, a sixteenth: it makes reading slower.
    private static let compressionGain = 16

    func encode(_ values: [Double]) -> [UInt8] {
        guard let first = values.first else { return [ColumnForm.empty.rawValue] }
        let runs: [Int] = Self.runs(of: values)
        guard runs.count > 1 else {
            var writer = ByteWriter()
            writer.write(ColumnForm.constant.rawValue)
            writer.write(first)
            return writer.bytes
        }
        var candidates: [[UInt8]] = []
        if runs.count * 4 <= values.count { candidates.append(encode(runs, of: values)) }
        let scaled: ScaledValues? = ScaledValues(values)
        if let scaled { candidates.append(scaled.encoded(IntegerSequence.encode(scaled.integers))) }
        // Where nearly everything is decimal, the bits of doubles cannot be shorter.
        if scaled.map({ $0.patches.count * 8 > values.count }) ?? true { candidates.append(Self.xor(values)) }
        let best: [UInt8] = candidates.min { $0.count < $1.count } ?? Self.raw(values)
        return compressed(best, values, scaled) ?? best
    }

    private func encode(_ runs: [Int], of values: [Double]) -> [UInt8] {
        var writer = ByteWriter()
        writer.write(ColumnForm.runs.rawValue)
        writer.write(varint: UInt64(runs.count))
        writer.write(IntegerSequence.encode(runs.map { Int64($0) }))
        var (starts, place): ([Double], Int) = ([], 0)
        for run in runs {
            starts.append(values[place])
            place += run
        }
        writer.write(ColumnEncoding(compression: nil).encode(starts))
        return writer.bytes
    }

    private static func runs(of values: [Double]) -> [Int] {
        var (runs, start): ([Int], Int) = ([], 0)
        for place in 1..<(values.count + 1)
        where place == values.count || values[place].bitPattern != values[start].bitPattern {
            runs.append(place - start)
            start = place
        }
        return runs
    }

    /// The form that a general compressor makes shortest, where it wins enough.
    private func compressed(_ best: [UInt8], _ values: [Double], _ scaled: ScaledValues?) -> [UInt8]? {
        guard let compression else { return nil }
        let bytes: [UInt8]? = scaled.flatMap { scaled in
            IntegerSequence.encodeInBytes(scaled.integers).map { scaled.encoded($0) }
        }
        let plain: [UInt8] = bytes ?? Self.raw(values)
        var writer = ByteWriter()
        writer.write(ColumnForm.compressed.rawValue)
        writer.write(varint: UInt64(plain.count))
        writer.write(compression.compress(plain))
        return writer.bytes.count + best.count / Self.compressionGain < best.count ? writer.bytes : nil
    }

    private static func raw(_ values: [Double]) -> [UInt8] {
        var writer = ByteWriter()
        writer.write(ColumnForm.raw.rawValue)
        for value in values { writer.write(value) }
        return writer.bytes
    }

    /// The first in 64 bits; of each further one the bits in which it differs from the one before, without the zeros on
    /// both sides. The window of bits stays while it is wide enough and not much too wide.
    private static func xor(_ values: [Double]) -> [UInt8] {
        var writer = BitWriter()
        var before: UInt64 = values[0].bitPattern
        writer.write(before, 64)
        var (lead, width) = (0, 0)
        for value in values.dropFirst() {
            let difference: UInt64 = value.bitPattern ^ before
            before = value.bitPattern
            guard difference != 0 else {
                writer.write(0, 1)
                continue
            }
            let (ownLead, trail) = (difference.leadingZeroBitCount, difference.trailingZeroBitCount)
            let ownWidth: Int = 64 - ownLead - trail
            let isInside: Bool = width > 0 && ownLead >= lead && trail >= 64 - lead - width
            if isInside, width - ownWidth <= 12 {
                writer.write(0b01, 2)
            } else {
                (lead, width) = (ownLead, ownWidth)
                writer.write(0b11, 2)
                writer.write(UInt64(lead), 6)
                writer.write(UInt64(width - 1), 6)
            }
            writer.write(difference >> UInt64(64 - lead - width), width)
        }
        return [ColumnForm.xor.rawValue] + writer.finished()
    }
}

/// Values as integers by a power of ten, and those that are none.
private struct ScaledValues {
    let exponent: Int
    /// One for each value; where a value is none, the integer before it.
    let integers: [Int64]
    let patches: [(place: Int, value: Double)]

    /// Nil where too many values are not decimal.
    init?(_ values: [Double]) {
        // A few values show the exponent of most series; where they mislead, all are asked.
        let step: Int = max(values.count / 48, 1)
        let sample: [Double] = stride(from: 0, to: values.count, by: step).map { values[$0] }
        var scaled = DecimalScale.exponent(of: sample).map { Self.scale(values, $0) }
        if scaled.map({ $0.patches.count * 64 > values.count }) ?? true {
            guard let exponent = DecimalScale.exponent(of: values) else { return nil }
            scaled = Self.scale(values, exponent)
        }
        guard let scaled else { return nil }
        (exponent, integers, patches) = (scaled.exponent, scaled.integers, scaled.patches)
    }

    private static func scale(
        _ values: [Double], _ exponent: Int
    ) -> (exponent: Int, integers: [Int64], patches: [(place: Int, value: Double)]) {
        var integers: [Int64] = []
        integers.reserveCapacity(values.count)
        var patches: [(place: Int, value: Double)] = []
        // Before the first integer its own value stands, so that a patch at the beginning makes no step.
        var last: Int64 = 0
        if let first = values.lazy.compactMap({ DecimalScale.mantissa($0, exponent) }).first { last = first }
        for (place, value) in values.enumerated() {
            if let whole = DecimalScale.mantissa(value, exponent) {
                last = whole
            } else {
                patches.append((place, value))
            }
            integers.append(last)
        }
        return (exponent, integers, patches)
    }

    func encoded(_ sequence: [UInt8]) -> [UInt8] {
        var writer = ByteWriter()
        writer.write(ColumnForm.decimal.rawValue)
        writer.write(UInt8(exponent))
        writer.write(varint: UInt64(patches.count))
        var end = 0
        for patch in patches {
            writer.write(varint: UInt64(patch.place - end))
            writer.write(patch.value)
            end = patch.place + 1
        }
        writer.write(sequence)
        return writer.bytes
    }
}
