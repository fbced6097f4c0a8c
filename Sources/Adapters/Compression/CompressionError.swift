/// Why bytes were not decompressed.
package enum CompressionError: Error, Hashable, Sendable, CustomStringConvertible {
    /// They are not what a compressor wrote, or were cut short: sending them again will not help.
    case malformed(String)
    /// They say or turn out to be more bytes than the caller takes.
    case tooLarge(limit: Int)

    package var description: String {
        switch self {
        case .malformed(let reason): "not zstd: \(reason)"
        case .tooLarge(let limit): "more than \(limit) bytes after decompression; send less at once"
        }
    }
}
