/// Sizes as people write them: `20GiB`, `500MB`, or a number of bytes.
enum ByteSize {
    private static let units: [(name: String, bytes: Int)] = [
        ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40), ("PiB", 1 << 50),
        ("KB", 1_000), ("kB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000),
        ("PB", 1_000_000_000_000_000), ("B", 1),
        // As systemd writes them: powers of 1024.
        ("K", 1 << 10), ("M", 1 << 20), ("G", 1 << 30), ("T", 1 << 40),
    ]

    /// As a regular expression (ECMA-262), for editors.
    static let pattern = "^[0-9]+ ?([KMGTP]iB|[kKMGTP]B|B|[KMGT])$"

    /// Bytes; nil where the text is no size or a larger one than can be told exactly.
    static func bytes(_ text: String) -> Int? {
        guard let unit = units.first(where: { text.hasSuffix($0.name) }) else { return nil }
        var digits: Substring = text.dropLast(unit.name.count)
        if digits.last == " " { digits.removeLast() }
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(digits) else {
            return nil
        }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: unit.bytes)
        return overflow || bytes > 9_007_199_254_740_991 ? nil : bytes
    }

    /// For messages: the largest unit that divides it.
    static func text(_ bytes: Int) -> String {
        let unit = units.prefix(5).reversed().first { bytes >= $0.bytes && bytes % $0.bytes == 0 }
        return unit.map { "\(bytes / $0.bytes)\($0.name)" } ?? "\(bytes)B"
    }
}
