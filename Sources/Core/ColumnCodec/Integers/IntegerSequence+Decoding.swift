extension IntegerSequence {
    /// Fills `output` with the first numbers of a sequence and takes its bytes from `reader`; where `output` is shorter
    /// than the sequence, what is behind the sequence cannot be read any more.
    ///
    /// `count` is the length of the sequence, of which the bytes say nothing.
    static func decode(
        _ reader: inout ByteReader, count: Int, into output: UnsafeMutableBufferPointer<Int64>
    ) throws(BlockError) {
        let head: UInt8 = try reader.byte()
        guard let order = Order(rawValue: head & 3), let coding = Coding(rawValue: head >> 2) else {
            throw BlockError("a sequence of the unknown kind \(head)")
        }
        let divisor = Int64(bitPattern: try reader.varint())
        let first: Int64 = try reader.signed()
        let step: Int64 = order == .level ? 0 : try reader.signed()
        // How many numbers stand before those that are written, by their order.
        let before: Int = order == .level ? 0 : order == .delta ? 1 : 2
        guard output.count > 0 else { return }
        let residuals = UnsafeMutableBufferPointer(rebasing: output[min(before, output.count)...])
        try decodeResiduals(&reader, coding, count: max(count - before, 0), into: residuals)
        switch order {
        case .level: level(output, first, divisor)
        case .delta: delta(output, first, divisor, step)
        case .deltaOfDelta: deltaOfDelta(output, first, divisor, step)
        }
    }

    private static func level(_ output: UnsafeMutableBufferPointer<Int64>, _ level: Int64, _ divisor: Int64) {
        for place in output.indices {
            output[place] = level &+ Int64(zigzag: UInt64(bitPattern: output[place])) &* divisor
        }
    }

    private static func delta(
        _ output: UnsafeMutableBufferPointer<Int64>, _ first: Int64, _ divisor: Int64, _ usual: Int64
    ) {
        var value: Int64 = first
        output[0] = value
        for place in 1..<max(output.count, 1) {
            value &+= (Int64(zigzag: UInt64(bitPattern: output[place])) &+ usual) &* divisor
            output[place] = value
        }
    }

    private static func deltaOfDelta(
        _ output: UnsafeMutableBufferPointer<Int64>, _ first: Int64, _ divisor: Int64, _ step: Int64
    ) {
        output[0] = first
        guard output.count > 1 else { return }
        var delta: Int64 = step
        var value: Int64 = first &+ delta &* divisor
        output[1] = value
        for place in 2..<max(output.count, 2) {
            delta &+= Int64(zigzag: UInt64(bitPattern: output[place]))
            value &+= delta &* divisor
            output[place] = value
        }
    }

    // MARK: What is written of each number

    /// The first `output.count` of `count` numbers.
    private static func decodeResiduals(
        _ reader: inout ByteReader, _ coding: Coding, count: Int, into output: UnsafeMutableBufferPointer<Int64>
    ) throws(BlockError) {
        switch coding {
        case .zeros: output.update(repeating: 0)
        case .packed:
            let width = Int(try reader.byte())
            guard width <= 64 else { throw BlockError("numbers of \(width) bits") }
            try reader.skip(try unpack(reader.rest, width, count: count, into: output))
        case .bytes:
            let width = Int(try reader.byte())
            guard width <= 8 else { throw BlockError("numbers of \(width) bytes") }
            guard reader.remaining >= width * count else { throw BlockError("it ends too early") }
            joinBytes(reader.rest, width, count: count, into: output)
            try reader.skip(width * count)
        case .tokens:
            var bits = BitReader(reader.rest)
            try decodeTokens(&bits, into: output)
            guard bits.isWithin else { throw BlockError("it ends too early") }
            try reader.skip(bits.bytesTaken)
        }
    }

    /// Bytes of `count` numbers of which `output` takes the first.
    private static func unpack(
        _ bytes: UnsafeRawBufferPointer, _ width: Int, count: Int, into output: UnsafeMutableBufferPointer<Int64>
    ) throws(BlockError) -> Int {
        let size: Int = (count * width + 7) / 8
        guard size <= bytes.count else { throw BlockError("it ends too early") }
        var bits = BitReader(bytes)
        for place in output.indices { output[place] = Int64(bitPattern: bits.read(width)) }
        return size
    }

    private static func joinBytes(
        _ bytes: UnsafeRawBufferPointer, _ width: Int, count: Int, into output: UnsafeMutableBufferPointer<Int64>
    ) {
        output.update(repeating: 0)
        for plane in 0..<width {
            for place in output.indices {
                output[place] |= Int64(bytes[plane * count + place]) << Int64(plane * 8)
            }
        }
    }

    private static func decodeTokens(
        _ bits: inout BitReader, into output: UnsafeMutableBufferPointer<Int64>
    ) throws(BlockError) {
        let outcome: Result<Void, BlockError> = withUnsafeTemporaryAllocation(
            of: UInt16.self, capacity: 1 << PrefixCode.longest
        ) { table in
            do throws(BlockError) {
                try PrefixCode.readTable(&bits, into: table)
                decodeTokens(&bits, table, into: output)
                return .success(())
            } catch { return .failure(error) }
        }
        try outcome.get()
    }

    /// Every entry of the table is a token whose code has at least one bit; past the end of the bytes it reads zeros,
    /// which the caller notices.
    private static func decodeTokens(
        _ reader: inout BitReader, _ table: UnsafeMutableBufferPointer<UInt16>,
        into output: UnsafeMutableBufferPointer<Int64>
    ) {
        guard let table = table.baseAddress else { return }
        var bits: BitReader = reader
        var place = 0
        while place < output.count {
            let word: UInt64 = bits.peek
            // Within the table: it has an entry for each number of so many bits.
            let entry = UInt64(table[Int(truncatingIfNeeded: word & (1 << UInt64(PrefixCode.longest) - 1))])
            let length: UInt64 = entry & 15
            let extra: UInt64 = entry &>> 4 & 63
            let high: UInt64 = entry &>> 10 & 15
            guard entry & 0x4000 == 0, extra < 46 else {
                bits.take(Int(truncatingIfNeeded: length))
                let value: UInt64 = high &<< extra | bits.read(Int(truncatingIfNeeded: extra))
                let isRun: Bool = entry & 0x4000 != 0
                let end: Int = isRun ? min(place &+ Int(truncatingIfNeeded: value), output.count) : place &+ 1
                while place < end {
                    output[place] = isRun ? 0 : Int64(bitPattern: value)
                    place &+= 1
                }
                continue
            }
            let rest: UInt64 = word &>> length & (1 &<< extra &- 1)
            bits.take(Int(truncatingIfNeeded: length &+ extra))
            output[place] = Int64(bitPattern: high &<< extra | rest)
            place &+= 1
        }
        reader = bits
    }
}
