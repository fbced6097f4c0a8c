import CZstd

/// A zstd compressor (RFC 8878) that keeps its working memory between calls. For one piece of work at a time; of several
/// tasks each makes its own.
@safe package struct ZstdCompressor: ~Copyable {
    private let context: OpaquePointer
    private let level: Int32

    /// `level` from 1 (fast) to 19 (small); 3 is zstd's own default.
    package init(level: Int = 3) {
        precondition((1...19).contains(level), "zstd's levels are 1 to 19")
        guard let context = unsafe ZSTD_createCCtx() else { fatalError("no memory for a zstd context") }
        unsafe self.context = unsafe context
        self.level = Int32(level)
    }

    deinit { unsafe ZSTD_freeCCtx(context) }

    /// One frame that says how many bytes it holds. Empty bytes are a frame too.
    package mutating func compress(_ bytes: [UInt8]) -> [UInt8] {
        unsafe bytes.withUnsafeBytes { unsafe compress($0) }
    }

    /// The same of memory that the caller keeps.
    @unsafe package mutating func compress(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        let bound: Int = ZSTD_compressBound(bytes.count)
        return unsafe [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
            let written: Int = unsafe ZSTD_compressCCtx(
                context, buffer.baseAddress, bound, bytes.baseAddress, bytes.count, level)
            // The room is as large as zstd asks for, so nothing that the bytes say can make it fail.
            precondition(ZSTD_isError(written) == 0, "zstd did not compress \(bytes.count) bytes")
            count = written
        }
    }
}
