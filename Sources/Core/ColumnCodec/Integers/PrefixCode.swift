/// A canonical prefix code (Huffman): often used tokens get few bits.
enum PrefixCode {
    /// Codes are at most this long, so that a table of 2^10 entries decodes each in one look.
    static let longest = 10

    /// The bits of each token's code from how often each occurs; 0 where it does not. At least one must occur.
    static func lengths(_ frequencies: [Int]) -> [UInt8] {
        let used: [Int] = frequencies.indices.filter { frequencies[$0] > 0 }
            .sorted { (frequencies[$0], $0) < (frequencies[$1], $1) }
        var lengths = [UInt8](repeating: 0, count: frequencies.count)
        guard used.count > 1 else {
            if let only = used.first { lengths[only] = 1 }
            return lengths
        }
        let depths: [Int] = limited(depths(used.map { frequencies[$0] }))
        for (place, token) in used.enumerated() { lengths[token] = UInt8(depths[place]) }
        return lengths
    }

    /// Depths in Huffman's tree of weights in rising order: two queues, leaves and inner nodes, of which the two lightest
    /// heads are joined again and again.
    private static func depths(_ weights: [Int]) -> [Int] {
        let leaves: Int = weights.count
        var weight: [Int] = weights
        var parent = [Int](repeating: 0, count: 2 * leaves - 1)
        var (leaf, inner) = (0, leaves)
        for node in leaves..<(2 * leaves - 1) {
            var sum = 0
            for _ in 0..<2 {
                let takesLeaf: Bool = leaf < leaves && (inner >= node || weight[leaf] <= weight[inner])
                let child: Int = takesLeaf ? leaf : inner
                if takesLeaf { leaf += 1 } else { inner += 1 }
                sum += weight[child]
                parent[child] = node
            }
            weight.append(sum)
        }
        var depth = [Int](repeating: 0, count: 2 * leaves - 1)
        for node in (0..<(2 * leaves - 2)).reversed() { depth[node] = depth[parent[node]] + 1 }
        return Array(depth.prefix(leaves))
    }

    /// Depths of at most ``longest``: too long ones are cut, and the rarest of the others made longer until the code fits
    /// again; then what is left over shortens others, the most frequent first, until the code is complete: all shares are
    /// powers of two, so while something is left over there is a code that it shortens.
    private static func limited(_ depths: [Int]) -> [Int] {
        guard depths.contains(where: { $0 > longest }) else { return depths }
        var depths: [Int] = depths.map { min($0, longest) }
        func share(_ depth: Int) -> Int { 1 << (longest - depth) }
        var sum: Int = depths.reduce(0) { $0 + share($1) }
        while sum > 1 << longest {
            guard let place = depths.indices.filter({ depths[$0] < longest }).max(by: { depths[$0] < depths[$1] })
            else {
                break
            }
            sum -= share(depths[place] + 1)
            depths[place] += 1
        }
        for place in depths.indices.reversed() {
            while depths[place] > 1, sum + share(depths[place]) <= 1 << longest {
                sum += share(depths[place])
                depths[place] -= 1
            }
        }
        return depths
    }

    /// The code of each token, in the order in which its bits are written (lowest first).
    static func codes(_ lengths: [UInt8]) -> [UInt16] {
        // The first code of a length follows the last of the length before, with a zero behind it.
        var next = [UInt16](repeating: 0, count: longest + 2)
        for length in lengths where length > 0 { next[Int(length) + 1] += 1 }
        for length in 1...longest { next[length + 1] = (next[length] + next[length + 1]) << 1 }
        var codes = [UInt16](repeating: 0, count: lengths.count)
        for token in lengths.indices where lengths[token] > 0 {
            codes[token] = next[Int(lengths[token])].reversed(lengths[token])
            next[Int(lengths[token])] += 1
        }
        return codes
    }

    // MARK: In bytes

    /// The lengths up to the last token that occurs: their number, then four bits each; a zero is followed by how many
    /// more zeros come (0 to 15).
    static func write(_ lengths: [UInt8], to writer: inout BitWriter) {
        let count: Int = (lengths.lastIndex { $0 > 0 } ?? -1) + 1
        writer.write(UInt64(count), 8)
        var token = 0
        while token < count {
            writer.write(UInt64(lengths[token]), 4)
            guard lengths[token] == 0 else {
                token += 1
                continue
            }
            let end: Int = lengths[token..<count].prefix(16).firstIndex { $0 > 0 } ?? min(token + 16, count)
            writer.write(UInt64(end - token - 1), 4)
            token = end
        }
    }

    /// Fills a table of 2^``longest`` entries (``Token/Entry``) for the codes that the next bits begin with.
    static func readTable(
        _ reader: inout BitReader, into table: UnsafeMutableBufferPointer<UInt16>
    ) throws(BlockError) {
        let lengths: [UInt8] = try readLengths(&reader)
        var shares = 0
        for length in lengths where length > 0 { shares += 1 << (longest - Int(length)) }
        let used: Int = lengths.count { $0 > 0 }
        if used == 1, shares == 1 << (longest - 1), let only = lengths.firstIndex(of: 1) {
            // A single token has a code of one bit and no brother.
            table.update(repeating: Token.entry(only, 1))
            return
        }
        guard shares == 1 << longest else { throw BlockError("the code of its tokens is not complete") }
        let codes: [UInt16] = codes(lengths)
        for token in lengths.indices where lengths[token] > 0 {
            let entry: UInt16 = Token.entry(token, lengths[token])
            let step: Int = 1 << Int(lengths[token])
            var place = Int(codes[token])
            while place < 1 << longest {
                table[place] = entry
                place &+= step
            }
        }
    }

    private static func readLengths(_ reader: inout BitReader) throws(BlockError) -> [UInt8] {
        let count = Int(reader.read(8))
        guard count > 0, count <= Token.count else { throw BlockError("its code is of \(count) tokens") }
        var lengths: [UInt8] = []
        while lengths.count < count {
            let length = UInt8(reader.read(4))
            guard length <= longest else { throw BlockError("a code is \(length) bits long") }
            lengths.append(length)
            if length == 0 { lengths += [UInt8](repeating: 0, count: Int(reader.read(4))) }
        }
        guard lengths.count == count, reader.isWithin else { throw BlockError("the code of its tokens is cut short") }
        return lengths
    }
}

extension UInt16 {
    /// The lowest `count` bits in the opposite order.
    fileprivate func reversed(_ count: UInt8) -> UInt16 {
        var (rest, result): (UInt16, UInt16) = (self, 0)
        for _ in 0..<count {
            result = result << 1 | rest & 1
            rest >>= 1
        }
        return result
    }
}
