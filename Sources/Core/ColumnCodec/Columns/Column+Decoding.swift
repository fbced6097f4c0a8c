extension DecodedColumn {
    /// The values in the first `rows` rows of a column of a block with `total` rows.
    ///
    /// Throws where the bytes are damaged. Takes memory for `rows` values, and for `total` where the column is of runs
    /// or compressed, whatever the bytes say.
    package init(
        _ bytes: UnsafeRawBufferPointer, rows: Int, of total: Int, _ compression: ByteCompression?
    ) throws(BlockError) {
        guard total <= BlockLimits.rows, rows <= total, rows >= 0 else {
            throw BlockError("\(total) rows; at most \(BlockLimits.rows) are possible")
        }
        var reader = ByteReader(bytes)
        let head: UInt8 = try reader.byte()
        guard let form = ColumnForm(rawValue: head & ~ColumnForm.gapsFlag) else {
            throw BlockError("a column of the unknown form \(head)")
        }
        let gaps: [Range<Int>] = head & ColumnForm.gapsFlag == 0 ? [] : try Self.gaps(&reader, rows: total)
        guard form != .empty else {
            self.init(values: [], gaps: rows > 0 ? [0..<rows] : [])
            return
        }
        let all: Int = total - gaps.reduce(0) { $0 + $1.count }
        let here: [Range<Int>] = gaps.map { $0.clamped(to: 0..<rows) }.filter { !$0.isEmpty }
        let wanted: Int = rows - here.reduce(0) { $0 + $1.count }
        var failure: BlockError?
        let values: [Double] = [Double](unsafeUninitializedCapacity: wanted) { buffer, count in
            let decoding = ColumnDecoding(compression: compression, depth: 0)
            let output = UnsafeMutableBufferPointer(rebasing: buffer[..<wanted])
            do throws(BlockError) {
                try decoding.decode(form, &reader, count: all, into: output)
                count = wanted
            } catch { failure = error }
        }
        if let failure { throw failure }
        self.init(values: values, gaps: here)
    }

    private static func gaps(_ reader: inout ByteReader, rows: Int) throws(BlockError) -> [Range<Int>] {
        let count: Int = try reader.count(atMost: rows)
        var (gaps, end): ([Range<Int>], Int) = ([], 0)
        for _ in 0..<count {
            let start: Int = end + (try reader.count(atMost: rows - end))
            let length: Int = try reader.count(atMost: rows - start)
            guard length > 0, start > end || gaps.isEmpty else { throw BlockError("gaps that touch") }
            gaps.append(start..<start + length)
            end = start + length
        }
        return gaps
    }
}

/// Decodes the forms. Each fills the whole of `output`, whose length is at most `count`, or throws.
struct ColumnDecoding {
    let compression: ByteCompression?
    let depth: Int

    func decode(
        _ form: ColumnForm, _ reader: inout ByteReader, count: Int, into output: UnsafeMutableBufferPointer<Double>
    ) throws(BlockError) {
        guard depth < ColumnForm.deepest else { throw BlockError("forms within forms") }
        switch form {
        case .empty: throw BlockError("a column without values that has some")
        case .constant: output.update(repeating: try reader.double())
        case .decimal: try decimal(&reader, count: count, into: output)
        case .xor: try xor(reader.rest, into: output)
        case .raw:
            guard reader.remaining >= output.count * 8 else { throw BlockError("it ends too early") }
            for place in output.indices { output[place] = try reader.double() }
        case .runs: try runs(&reader, count: count, into: output)
        case .compressed: try compressed(&reader, count: count, into: output)
        }
    }

    private func inner(
        _ reader: inout ByteReader, count: Int, into output: UnsafeMutableBufferPointer<Double>
    ) throws(BlockError) {
        let head: UInt8 = try reader.byte()
        guard let form = ColumnForm(rawValue: head) else { throw BlockError("a column of the unknown form \(head)") }
        try ColumnDecoding(compression: compression, depth: depth + 1).decode(form, &reader, count: count, into: output)
    }

    private func decimal(
        _ reader: inout ByteReader, count: Int, into output: UnsafeMutableBufferPointer<Double>
    ) throws(BlockError) {
        let exponent = Int(try reader.byte())
        guard exponent < DecimalScale.powers.count else { throw BlockError("a scale of 10^\(exponent)") }
        var patches: [(place: Int, value: Double)] = []
        var end = 0
        for _ in 0..<(try reader.count(atMost: count)) {
            // A patch takes at least nine bytes, so a large number without bytes ends at once.
            let place: Int = end + (try reader.count(atMost: count - end - 1))
            let value: Double = try reader.double()
            if place < output.count { patches.append((place, value)) }
            end = place + 1
        }
        // Doubles and integers are of one size: the integers are decoded where the doubles will be.
        let outcome: Result<Void, BlockError> = output.withMemoryRebound(to: Int64.self) { integers in
            do throws(BlockError) {
                return .success(try IntegerSequence.decode(&reader, count: count, into: integers))
            } catch { return .failure(error) }
        }
        try outcome.get()
        Self.scale(output, DecimalScale.powers[exponent])
        for patch in patches { output[patch.place] = patch.value }
    }

    private static func scale(_ output: UnsafeMutableBufferPointer<Double>, _ power: Double) {
        guard power > 1 else {
            for place in output.indices { output[place] = Double(Int64(bitPattern: output[place].bitPattern)) }
            return
        }
        for place in output.indices { output[place] = Double(Int64(bitPattern: output[place].bitPattern)) / power }
    }

    private func xor(
        _ bytes: UnsafeRawBufferPointer, into output: UnsafeMutableBufferPointer<Double>
    ) throws(BlockError) {
        guard !output.isEmpty else { return }
        var bits = BitReader(bytes)
        var value: UInt64 = bits.read(64)
        output[0] = Double(bitPattern: value)
        var (width, trail) = (0, 0)
        for place in 1..<output.count {
            if bits.read(1) == 1 {
                if bits.read(1) == 1 {
                    let lead = Int(truncatingIfNeeded: bits.read(6))
                    width = Int(truncatingIfNeeded: bits.read(6)) &+ 1
                    trail = 64 &- lead &- width
                    guard trail >= 0 else { throw BlockError("a window of \(width) bits after \(lead)") }
                }
                value ^= bits.read(width) &<< UInt64(truncatingIfNeeded: trail)
            }
            output[place] = Double(bitPattern: value)
        }
        guard bits.isWithin else { throw BlockError("it ends too early") }
    }

    private func runs(
        _ reader: inout ByteReader, count: Int, into output: UnsafeMutableBufferPointer<Double>
    ) throws(BlockError) {
        let runs: Int = try reader.count(atMost: count)
        guard runs > 0 else { throw BlockError("no runs") }
        var lengths = [Int64](repeating: 0, count: runs)
        try decodeLengths(&reader, &lengths)
        var starts = [Double](repeating: 0, count: runs)
        let outcome: Result<Void, BlockError> = starts.withUnsafeMutableBufferPointer { buffer in
            do throws(BlockError) { return .success(try inner(&reader, count: runs, into: buffer)) } catch {
                return .failure(error)
            }
        }
        try outcome.get()
        var place = 0
        for (length, start) in zip(lengths, starts) {
            guard length > 0, length <= count - place else { throw BlockError("runs longer than the column") }
            for row in place..<min(place + Int(length), max(output.count, place)) { output[row] = start }
            place += Int(length)
        }
        guard place == count else { throw BlockError("runs shorter than the column") }
    }

    private func decodeLengths(_ reader: inout ByteReader, _ lengths: inout [Int64]) throws(BlockError) {
        let outcome: Result<Void, BlockError> = lengths.withUnsafeMutableBufferPointer { buffer in
            do throws(BlockError) {
                return .success(try IntegerSequence.decode(&reader, count: buffer.count, into: buffer))
            } catch { return .failure(error) }
        }
        try outcome.get()
    }

    private func compressed(
        _ reader: inout ByteReader, count: Int, into output: UnsafeMutableBufferPointer<Double>
    ) throws(BlockError) {
        guard let compression else { throw BlockError("it is compressed, and no decompressor was given") }
        // No form is longer than 17 bytes a value (a patch and its integer) and a head.
        let size: Int = try reader.count(atMost: 18 * count + 64)
        guard let bytes = compression.decompress(Array(reader.rest), size), bytes.count == size else {
            throw BlockError("it cannot be decompressed")
        }
        let outcome: Result<Void, BlockError> = bytes.withUnsafeBytes { plain in
            var inside = ByteReader(plain)
            do throws(BlockError) { return .success(try inner(&inside, count: count, into: output)) } catch {
                return .failure(error)
            }
        }
        try outcome.get()
    }
}
