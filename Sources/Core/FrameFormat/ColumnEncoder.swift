import Telemetry

/// Writes the columns of one table: first the forms, equal neighbours together, then the columns' contents.
struct ColumnEncoder {
    private var forms: [(form: ColumnForm, count: Int)] = []
    private var contents = ByteWriter()

    init(_ table: FrameTable) {
        for column in 0..<table.width {
            add(stride(from: column, to: table.values.count, by: table.width).map { table.values[$0] })
        }
    }

    var bytes: [UInt8] {
        var writer = ByteWriter()
        for run in forms {
            writer.write(run.form.byte)
            writer.writeNumber(run.count)
        }
        writer.write(contents.bytes)
        return writer.bytes
    }

    private mutating func add(_ cells: [Double]) {
        let numbers: [Double] = cells.filter { !$0.isNaN }
        let hasStates: Bool = numbers.count < cells.count
        let before: ColumnForm? = forms.last?.form
        let chosen: Choice = choose(numbers, before: before?.scale)
        let form = ColumnForm(scale: chosen.scale, hasStates: hasStates, coding: chosen.coding)
        if form == before { forms[forms.count - 1].count += 1 } else { forms.append((form, 1)) }
        if hasStates { writeStates(cells) }
        switch chosen.wholes {
        case .none: writeBits(numbers)
        case .some(let wholes) where chosen.coding == .differences: writeDifferences(wholes)
        case .some(let wholes): PackedNumbers(wholes, order: chosen.coding.order).write(to: &contents)
        }
    }

    // MARK: The form

    private struct Choice {
        var scale: Scale
        var coding: Coding
        /// Nil where the values' own bits are written.
        var wholes: [Int64]?
        var length: Int

        init(bits: Void) { (scale, coding, wholes, length) = (.bits, .differences, nil, .max) }

        init(scale: Scale, wholes: [Int64]) {
            self.scale = scale
            self.wholes = wholes
            coding = .differences
            length = 0
            var last: Int64 = 0
            for whole in wholes {
                length += (whole &- last).signedLength
                last = whole
            }
            guard wholes.count > 1 else { return }
            for packed in [Coding.packed, .packedDifferences, .packedSecondDifferences] {
                let other: Int = PackedNumbers(wholes, order: packed.order).length
                if other < length { (coding, length) = (packed, other) }
            }
        }
    }

    /// Another form than the neighbour's costs two bytes, which a single frame does not win back with one.
    private func choose(_ numbers: [Double], before: Scale?) -> Choice {
        guard var decimals = decimals(numbers) else { return Choice(bits: ()) }
        // The same decimals as the neighbour, where it has more of them.
        if let before, before.code <= 15, Int(before.code) > decimals, let same = wholes(numbers, before) {
            let own: [Int64] = wholes(numbers, Scale(decimals: decimals)) ?? same
            let neighbour = Choice(scale: before, wholes: same)
            let cheaper = Choice(scale: Scale(decimals: decimals), wholes: own)
            if neighbour.length <= cheaper.length + 2 { decimals = Int(before.code) }
        }
        let scale = Scale(decimals: decimals)
        guard let wholes = wholes(numbers, scale) else { return Choice(bits: ()) }
        let plain = Choice(scale: scale, wholes: wholes)
        guard decimals == 0 || wholes.allSatisfy({ $0 == 0 }) else { return plain }
        return shifted(numbers, plain, before: before)
    }

    /// Sizes are multiples of 1,024 or of a page.
    private func shifted(_ numbers: [Double], _ plain: Choice, before: Scale?) -> Choice {
        guard let wholes = plain.wholes else { return plain }
        var best: Choice = plain
        for shift in [10, 12] where wholes.allSatisfy({ $0 & ((1 << Int64(shift)) - 1) == 0 }) {
            let candidate = Choice(scale: Scale(shift: shift), wholes: wholes.map { $0 >> Int64(shift) })
            let price: Int = candidate.length + (candidate.scale == before ? 0 : 2)
            if price < best.length + (best.scale == before ? 0 : 2) { best = candidate }
        }
        return best
    }

    /// The fewest decimals with which every number is a whole one to the last bit; nil where none do.
    private func decimals(_ numbers: [Double]) -> Int? {
        var decimals = 0
        for number in numbers {
            while Scale(decimals: decimals).whole(number) == nil {
                decimals += 1
                guard decimals <= Scale.mostDecimals else { return nil }
            }
        }
        // More decimals for one number may be too many for another before it.
        return wholes(numbers, Scale(decimals: decimals)) == nil ? nil : decimals
    }

    private func wholes(_ numbers: [Double], _ scale: Scale) -> [Int64]? {
        var wholes: [Int64] = []
        wholes.reserveCapacity(numbers.count)
        for number in numbers {
            guard let whole = scale.whole(number) else { return nil }
            wholes.append(whole)
        }
        return wholes
    }

    // MARK: The contents

    private mutating func writeStates(_ cells: [Double]) {
        var start = 0
        while start < cells.count {
            var byte: UInt8 = 0
            for place in 0..<4 where start + place < cells.count {
                byte |= CellState(cells[start + place]).rawValue << UInt8(2 * place)
            }
            contents.write(byte)
            start += 4
        }
    }

    private mutating func writeDifferences(_ wholes: [Int64]) {
        var last: Int64 = 0
        for whole in wholes {
            contents.writeSigned(whole &- last)
            last = whole
        }
    }

    /// What differs from the value before, without the zero bytes at both ends: how many bytes, how many zeros behind
    /// them, then the bytes.
    private mutating func writeBits(_ numbers: [Double]) {
        var last: UInt64 = 0
        for number in numbers {
            let difference: UInt64 = number.bitPattern ^ last
            last = number.bitPattern
            guard difference != 0 else {
                contents.write(0)
                continue
            }
            let behind: Int = difference.trailingZeroBitCount / 8
            let count: Int = 8 - behind - difference.leadingZeroBitCount / 8
            contents.write(UInt8(count << 4 | behind))
            for place in stride(from: count - 1, through: 0, by: -1) {
                contents.write(UInt8(truncatingIfNeeded: difference >> UInt64(8 * (place + behind))))
            }
        }
    }
}
