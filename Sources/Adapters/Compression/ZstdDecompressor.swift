import CZstd

/// A zstd decompressor (RFC 8878) that keeps its working memory between calls. For one piece of work at a time; of
/// several tasks each makes its own.
@safe package struct ZstdDecompressor: ~Copyable {
    private let context: OpaquePointer

    /// A frame of unknown size makes the decompressor keep this much of what it wrote (2^23 bytes, what RFC 8878 asks
    /// every decoder to support); one that asks for more is refused, or a few bytes could cost gigabytes.
    private static let mostWindowBits: Int32 = 23
    /// The room that output of unknown size begins with.
    private static let firstRoom = 64 * 1024

    package init() {
        guard let context = unsafe ZSTD_createDCtx() else { fatalError("no memory for a zstd context") }
        unsafe self.context = unsafe context
        let set: Int = unsafe ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, Self.mostWindowBits)
        precondition(ZSTD_isError(set) == 0, "zstd refuses its own parameter")
    }

    deinit { unsafe ZSTD_freeDCtx(context) }

    /// What one or more whole frames hold, at most `limit` bytes.
    ///
    /// Never takes more memory than `limit` and a window of 8 MiB, whatever the bytes say of themselves.
    package mutating func decompress(_ bytes: [UInt8], atMost limit: Int) throws(CompressionError) -> [UInt8] {
        guard !bytes.isEmpty else { throw .malformed("no bytes") }
        let (said, length): (UInt64, Int) = unsafe bytes.withUnsafeBytes { input in
            unsafe (
                ZSTD_getFrameContentSize(input.baseAddress, input.count),
                ZSTD_findFrameCompressedSize(input.baseAddress, input.count)
            )
        }
        guard said != plumb_zstd_size_error() else { throw .malformed("no frame header") }
        guard said == plumb_zstd_size_unknown() || said <= UInt64(max(limit, 0)) else { throw .tooLarge(limit: limit) }
        if said != plumb_zstd_size_unknown(), length == bytes.count {
            return try wholeFrame(bytes, of: Int(said))
        }
        return try stream(bytes, atMost: limit)
    }

    /// A single frame that says its size: one call, straight into the result.
    private mutating func wholeFrame(_ bytes: [UInt8], of size: Int) throws(CompressionError) -> [UInt8] {
        var outcome = 0
        let output: [UInt8] = unsafe [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            outcome = unsafe bytes.withUnsafeBytes { input in
                unsafe ZSTD_decompressDCtx(context, buffer.baseAddress, size, input.baseAddress, input.count)
            }
            count = ZSTD_isError(outcome) == 0 ? outcome : 0
        }
        guard ZSTD_isError(outcome) == 0 else { throw Self.malformed(outcome) }
        return output
    }

    /// Several frames, or one that does not say its size: room is made as bytes come.
    private mutating func stream(_ bytes: [UInt8], atMost limit: Int) throws(CompressionError) -> [UInt8] {
        unsafe ZSTD_DCtx_reset(context, ZSTD_reset_session_only)
        var output = [UInt8](repeating: 0, count: min(limit, Self.firstRoom))
        var (read, written, state) = (0, 0, 0)
        repeat {
            if written == output.count, written < limit {
                output += [UInt8](repeating: 0, count: min(limit - written, max(written, Self.firstRoom)))
            }
            let before: (Int, Int) = (read, written)
            state = step(bytes, &read, &output, &written)
            guard ZSTD_isError(state) == 0 else { throw Self.malformed(state) }
            // No step forward: at the limit something is left to write, elsewhere something is missing to read.
            guard before != (read, written) || (state == 0 && read == bytes.count) else {
                throw written == limit ? .tooLarge(limit: limit) : .malformed("cut short")
            }
        } while read < bytes.count || state != 0
        output.removeLast(output.count - written)
        return output
    }

    private mutating func step(
        _ bytes: [UInt8], _ read: inout Int, _ output: inout [UInt8], _ written: inout Int
    ) -> Int {
        unsafe bytes.withUnsafeBytes { source in
            unsafe output.withUnsafeMutableBytes { room in
                var from = unsafe ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: read)
                var to = unsafe ZSTD_outBuffer(dst: room.baseAddress, size: room.count, pos: written)
                let state: Int = unsafe ZSTD_decompressStream(context, &to, &from)
                (read, written) = unsafe (from.pos, to.pos)
                return state
            }
        }
    }

    private static func malformed(_ code: Int) -> CompressionError {
        .malformed(unsafe String(cString: ZSTD_getErrorName(code)))
    }
}
