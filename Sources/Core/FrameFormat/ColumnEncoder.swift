import Telemetry

/// Writes the columns of one table: first the forms, equal neighbours together or only those that are other than the
/// reference's, then the columns' contents.
struct ColumnEncoder {
    /// How each column is written.
    private(set) var forms: [ColumnForm] = []
    private let reference: ReferenceFrame?
    private var contents = ByteWriter()

    /// With a reference each column goes on from there.
    init(_ table: FrameTable, reference: ReferenceFrame? = nil) {
        self.reference = reference
        forms.reserveCapacity(table.width)
        for column in 0..<table.width {
            add(stride(from: column, to: table.values.count, by: table.width).map { table.values[$0] })
        }
    }

    var bytes: [UInt8] {
        var writer = ByteWriter()
        if let reference { write(changesFrom: reference.forms, to: &writer) } else { writeRuns(to: &writer) }
        writer.write(contents.bytes)
        return writer.bytes
    }

    private func writeRuns(to writer: inout ByteWriter) {
        var start = 0
        while start < forms.count {
            let end: Int = forms[start...].firstIndex { $0 != forms[start] } ?? forms.count
            writer.write(forms[start].byte)
            writer.writeNumber(end - start)
            start = end
        }
    }

    private func write(changesFrom known: [ColumnForm], to writer: inout ByteWriter) {
        let changed: [Int] = forms.indices.filter { forms[$0] != known[$0] }
        writer.writeNumber(changed.count)
        var next = 0
        for column in changed {
            writer.writeNumber(column - next)
            writer.write(forms[column].byte)
            next = column + 1
        }
    }

    /// The next column.
    private var column: Int { forms.count }

    private func start(_ scale: Scale) -> Int64 { reference?.whole(column, scale) ?? 0 }

    private mutating func add(_ cells: [Double]) {
        let numbers: [Double] = cells.filter { !$0.isNaN }
        let hasStates: Bool = numbers.count < cells.count
        let chosen: Choice = best(numbers, hasStates: hasStates)
        if hasStates { writeStates(cells) }
        switch chosen.wholes {
        case .none: writeBits(numbers, from: reference?.bits(column) ?? 0)
        case .some(let wholes) where chosen.coding == .differences:
            writeDifferences(wholes, from: start(chosen.scale))
        case .some(let wholes):
            PackedNumbers(wholes, order: chosen.coding.order, from: start(chosen.scale)).write(to: &contents)
        }
        forms.append(ColumnForm(scale: chosen.scale, hasStates: hasStates, coding: chosen.coding))
    }

    /// The reference's form, where another one does not save two bytes: a change costs three or four, and is worth them
    /// where it lasts. Numbers that need fewer decimals now and then would change to and fro for one.
    private func best(_ numbers: [Double], hasStates: Bool) -> Choice {
        guard let known = reference?.forms[column] else { return choose(numbers, before: forms.last?.scale) }
        let free: Choice = choose(numbers, before: nil)
        guard known.hasStates == hasStates, known.coding == .differences, known.scale != .bits,
            let wholes = wholes(numbers, known.scale)
        else { return free }
        let same = Choice(scale: known.scale, differences: wholes, from: start(known.scale))
        return same.length - 2 < free.length ? same : free
    }

    // MARK: The form

    private struct Choice {
        var scale: Scale
        var coding: Coding
        /// Nil where the values' own bits are written.
        var wholes: [Int64]?
        var length: Int

        init(bits: Void) { (scale, coding, wholes, length) = (.bits, .differences, nil, .max) }

        init(scale: Scale, differences wholes: [Int64], from start: Int64) {
            self.scale = scale
            self.wholes = wholes
            coding = .differences
            length = 0
            var last: Int64 = start
            for whole in wholes {
                length += (whole &- last).signedLength
                last = whole
            }
        }

        init(scale: Scale, wholes: [Int64], from start: Int64) {
            self.init(scale: scale, differences: wholes, from: start)
            guard wholes.count > 1 else { return }
            for packed in [Coding.packed, .packedDifferences, .packedSecondDifferences] {
                let other: Int = PackedNumbers(wholes, order: packed.order, from: start).length
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
            let neighbour = Choice(scale: before, wholes: same, from: start(before))
            let cheaper = Choice(scale: Scale(decimals: decimals), wholes: own, from: start(Scale(decimals: decimals)))
            if neighbour.length <= cheaper.length + 2 { decimals = Int(before.code) }
        }
        let scale = Scale(decimals: decimals)
        guard let wholes = wholes(numbers, scale) else { return Choice(bits: ()) }
        let plain = Choice(scale: scale, wholes: wholes, from: start(scale))
        guard decimals == 0 || wholes.allSatisfy({ $0 == 0 }) else { return plain }
        return shifted(numbers, plain, before: before)
    }

    /// Sizes are multiples of 1,024 or of a page.
    private func shifted(_ numbers: [Double], _ plain: Choice, before: Scale?) -> Choice {
        guard let wholes = plain.wholes else { return plain }
        var best: Choice = plain
        for shift in [10, 12] where wholes.allSatisfy({ $0 & ((1 << Int64(shift)) - 1) == 0 }) {
            let candidate = Choice(
                scale: Scale(shift: shift), wholes: wholes.map { $0 >> Int64(shift) }, from: start(Scale(shift: shift)))
            if candidate.length + price(candidate, before) < best.length + price(best, before) { best = candidate }
        }
        return best
    }

    /// What another form than the neighbour's costs; forms that follow a reference have no neighbours.
    private func price(_ choice: Choice, _ before: Scale?) -> Int {
        reference != nil || choice.scale == before ? 0 : 2
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

    private mutating func writeDifferences(_ wholes: [Int64], from start: Int64) {
        var last: Int64 = start
        for whole in wholes {
            contents.writeSigned(whole &- last)
            last = whole
        }
    }

    /// What differs from the value before, without the zero bytes at both ends: how many bytes, how many zeros behind
    /// them, then the bytes.
    private mutating func writeBits(_ numbers: [Double], from start: UInt64) {
        var last: UInt64 = start
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
