import ColumnCodec
import Compression

extension ByteCompression {
    /// zstd at level 3, for columns in which it finds what the codecs do not.
    static let zstd = ByteCompression(
        compress: { Zstd.compress($0) }, decompress: { try? Zstd.decompress($0, atMost: $1) })
}
