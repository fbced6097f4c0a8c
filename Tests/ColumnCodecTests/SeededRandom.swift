/// The same numbers for the same seed (SplitMix64).
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed: UInt64 = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// Series as hosts report them, and as they should never be.
    mutating func column(_ count: Int) -> [Double] {
        let odd: [Double] = [
            -0.0, .nan, .infinity, -.infinity, .leastNonzeroMagnitude, -.leastNormalMagnitude, .greatestFiniteMagnitude,
            Double(bitPattern: 0x7FF0_0000_0000_0002), Double(bitPattern: 0xFFFF_FFFF_FFFF_FFFF), 0x1p53, 0x1p63,
            -0x1p63, 0x1p62 + 1024, 1e22, 1e-7, 0.1, 0.30000000000000004,
        ]
        let kind = Int.random(in: 0..<11, using: &self)
        let oddness: Double = Bool.random(using: &self) ? 0 : 0.03
        let scale: Double = [1, 10, 100, 1000][Int.random(in: 0..<4, using: &self)]
        var (level, values): (Double, [Double]) = (Double(Int.random(in: 0..<1_000_000, using: &self)), [])
        for _ in 0..<count {
            switch kind {
            case 0: break
            case 1: level += Double(Int.random(in: 0..<900, using: &self))
            case 2: level += Double(Int.random(in: -9...9, using: &self))
            case 3: level = Double.random(in: -1...1, using: &self)
            case 4: if Int.random(in: 0..<50, using: &self) == 0 { level = Double.random(in: 0...9, using: &self) }
            case 5: level = Double(Int.random(in: 0..<7, using: &self)) * 4096
            case 6: level = Double(bitPattern: next())
            case 7: level = odd[Int.random(in: 0..<odd.count, using: &self)]
            case 8: level = Double(Int64(bitPattern: next()))
            case 9: level += 10
            default: level = Double(Int.random(in: 0..<3, using: &self)) / 7
            }
            let isOdd: Bool = Double.random(in: 0..<1, using: &self) < oddness
            values.append(isOdd ? odd[Int.random(in: 0..<odd.count, using: &self)] : level / scale)
        }
        return values
    }

    /// Rows without a value.
    mutating func gaps(_ count: Int) -> [Range<Int>] {
        guard Bool.random(using: &self) else { return [] }
        var (gaps, end): ([Range<Int>], Int) = ([], 0)
        while let start = (end..<count).randomElement(using: &self), Int.random(in: 0..<4, using: &self) > 0 {
            let length: Int = Int.random(in: 1...(count - start), using: &self)
            if start > end || gaps.isEmpty { gaps.append(start..<start + length) }
            end = start + length
        }
        return gaps
    }
}
