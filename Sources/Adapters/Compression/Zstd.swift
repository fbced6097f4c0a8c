/// zstd for callers that compress or decompress one thing now and then; who does many keeps a ``ZstdCompressor`` or a
/// ``ZstdDecompressor``.
package enum Zstd {
    /// One frame that says how many bytes it holds. `level` from 1 (fast) to 19 (small).
    package static func compress(_ bytes: [UInt8], level: Int = 3) -> [UInt8] {
        var compressor = ZstdCompressor(level: level)
        return compressor.compress(bytes)
    }

    /// What one or more whole frames hold, at most `limit` bytes; see ``ZstdDecompressor/decompress(_:atMost:)``.
    package static func decompress(_ bytes: [UInt8], atMost limit: Int) throws(CompressionError) -> [UInt8] {
        var decompressor = ZstdDecompressor()
        return try decompressor.decompress(bytes, atMost: limit)
    }
}
