/// A parsed regular expression.
indirect enum PatternTree: Hashable, Sendable {
    case empty
    case set(ScalarSet)
    case sequence([PatternTree])
    case choice([PatternTree])
    /// `maximum` nil: without bound.
    case repetition(PatternTree, minimum: Int, maximum: Int?, isLazy: Bool)
    case capture(PatternTree, index: Int)
    case textStart
    case textEnd
    case lineStart
    case lineEnd
    case wordBoundary(isNegated: Bool)
}

/// Characters: ranges, perhaps the complement of them, perhaps without regard to case.
struct ScalarSet: Hashable, Sendable {
    var ranges: [ClosedRange<UInt32>]
    var isNegated = false
    var ignoresCase = false

    static let digits: [ClosedRange<UInt32>] = [0x30...0x39]
    static let wordCharacters: [ClosedRange<UInt32>] = [0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A]
    static let spaces: [ClosedRange<UInt32>] = [0x09...0x0A, 0x0C...0x0D, 0x20...0x20]
    static let everything: [ClosedRange<UInt32>] = [0...0x10FFFF]

    static func one(_ scalar: UInt32, ignoringCase: Bool = false) -> ScalarSet {
        ScalarSet(ranges: [scalar...scalar], ignoresCase: ignoringCase)
    }

    static func complement(of ranges: [ClosedRange<UInt32>]) -> [ClosedRange<UInt32>] {
        var gaps: [ClosedRange<UInt32>] = []
        var next: UInt32 = 0
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if range.lowerBound > next { gaps.append(next...(range.lowerBound - 1)) }
            next = max(next, range.upperBound &+ 1)
        }
        if next <= 0x10FFFF { gaps.append(next...0x10FFFF) }
        return gaps
    }

    func contains(_ scalar: UInt32) -> Bool {
        if holds(scalar) { return !isNegated }
        guard ignoresCase else { return isNegated }
        return simpleCaseVariants(of: scalar).contains(where: holds) != isNegated
    }

    private func holds(_ scalar: UInt32) -> Bool { ranges.contains { $0.contains(scalar) } }
}

/// The other spellings of a letter that fold to the same one, where each is a single character.
private func simpleCaseVariants(of value: UInt32) -> [UInt32] {
    guard let scalar = Unicode.Scalar(value) else { return [] }
    var variants: [UInt32] = []
    for mapping in [scalar.properties.lowercaseMapping, scalar.properties.uppercaseMapping] {
        let mapped = mapping.unicodeScalars
        if mapped.count == 1, let first = mapped.first, first != scalar { variants.append(first.value) }
    }
    return variants
}
