/// What stands before each zstd frame of a backup: a skippable frame (RFC 8878 §3.1.2), which every zstd passes over, with
/// the length and the SHA-256 of the frame that follows. So a reader knows how much to read, and sees a flipped bit before
/// it decompresses anything.
package struct FrameHeader: Hashable, Sendable {
    /// Magic number, length of the content, content.
    package static let length = 8 + contentLength
    private static let contentLength = 4 + digestLength
    private static let digestLength = 32
    /// The first of the sixteen magic numbers of skippable frames, little-endian.
    private static let magic: [UInt8] = [0x50, 0x2A, 0x4D, 0x18]
    /// The largest frame that is read: a member of at most ``ArchiveWriter/partSize`` with its header, compressed.
    package static let mostBytes = 16 << 20

    package var frameLength: Int
    package var digest: [UInt8]

    package init(frameLength: Int, digest: [UInt8]) {
        precondition(digest.count == Self.digestLength, "SHA-256 has 32 bytes")
        self.frameLength = frameLength
        self.digest = digest
    }

    package var bytes: [UInt8] {
        Self.magic + Self.littleEndian(Self.contentLength) + Self.littleEndian(frameLength) + digest
    }

    /// Nil where the bytes are no such header.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.length, Array(bytes.prefix(4)) == Self.magic,
            Array(bytes[4..<8]) == Self.littleEndian(Self.contentLength)
        else { return nil }
        let length: Int = bytes[8..<12].reversed().reduce(0) { $0 << 8 | Int($1) }
        guard (1...Self.mostBytes).contains(length) else { return nil }
        self.init(frameLength: length, digest: Array(bytes[12...]))
    }

    private static func littleEndian(_ number: Int) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
    }
}
