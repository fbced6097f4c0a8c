/// The general compressor behind the codecs, given from outside: the core has none of its own.
package struct ByteCompression: Sendable {
    /// Makes bytes smaller, or not.
    package var compress: @Sendable ([UInt8]) -> [UInt8]
    /// The bytes again, at most as many as the second argument says; nil where they are damaged or more.
    package var decompress: @Sendable ([UInt8], Int) -> [UInt8]?

    package init(
        compress: @escaping @Sendable ([UInt8]) -> [UInt8], decompress: @escaping @Sendable ([UInt8], Int) -> [UInt8]?
    ) {
        self.compress = compress
        self.decompress = decompress
    }
}
