/// The 512 bytes before each member of a tar archive (POSIX ustar): a plain file, nobody's, for its owner alone.
///
/// A backup is a tar of small members inside zstd frames, so that it can be read without Plumbline too.
package struct TarHeader: Hashable, Sendable {
    package static let blockSize = 512
    /// What the name field holds.
    package static let longestName = 100
    /// Eleven octal digits.
    package static let largestSize = 0o777_7777_7777

    package var name: String
    package var size: Int

    package init(name: String, size: Int) {
        precondition(name.utf8.count <= Self.longestName, "\"\(name)\" is too long for a tar header")
        precondition((0...Self.largestSize).contains(size), "\(size) bytes are too many for a tar member")
        self.name = name
        self.size = size
    }

    package var bytes: [UInt8] {
        var block = [UInt8](repeating: 0, count: Self.blockSize)
        func put(_ text: String, at offset: Int) {
            for (index, byte) in text.utf8.enumerated() { block[offset + index] = byte }
        }
        put(name, at: 0)
        put("0000600", at: 100)
        put("0000000", at: 108)
        put("0000000", at: 116)
        put(Self.octal(size, digits: 11), at: 124)
        put("00000000000", at: 136)
        put("        ", at: 148)
        put("0", at: 156)
        put("ustar", at: 257)
        put("00", at: 263)
        let sum: Int = block.reduce(0) { $0 + Int($1) }
        put(Self.octal(sum, digits: 6), at: 148)
        block[154] = 0
        block[155] = UInt8(ascii: " ")
        return block
    }

    /// Reads a block that ``bytes`` made: one that differs in any bit from what it would make is none. Nil then.
    package init?(_ block: ArraySlice<UInt8>) {
        guard block.count == Self.blockSize else { return nil }
        let field: ArraySlice<UInt8> = block.prefix(Self.longestName)
        let name: ArraySlice<UInt8> = field.prefix { $0 != 0 }
        guard let text = String(validating: name, as: UTF8.self), !text.isEmpty else { return nil }
        let digits: ArraySlice<UInt8> = block.dropFirst(124).prefix(11)
        guard let octal = String(validating: digits, as: UTF8.self), let size = Int(octal, radix: 8), size >= 0 else {
            return nil
        }
        self.init(name: text, size: size)
        guard Array(block) == bytes else { return nil }
    }

    /// Zeros between a member's content and the next header.
    package static func padding(after size: Int) -> Int { (blockSize - size % blockSize) % blockSize }

    private static func octal(_ number: Int, digits: Int) -> String {
        let text = String(number, radix: 8)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}
