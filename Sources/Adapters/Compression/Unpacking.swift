import CZlib
import CZstd

/// Unpacks what gzip or zstd packed, piece by piece, so that memory does not grow with what is unpacked. For one piece of
/// work at a time.
@safe package final class Unpacking {
    package enum Form: String, CaseIterable, Sendable { case gzip, zstd }

    @unsafe private enum Engine {
        case gzip(UnsafeMutablePointer<z_stream>)
        case zstd(OpaquePointer)
    }

    private let engine: Engine
    /// Nothing of the present member or frame was taken yet: an end of the input is an end of the whole.
    package private(set) var isBetween = true

    /// A frame that asks for a larger window (2^27 bytes, what `zstd --ultra` uses) is refused.
    private static let mostWindowBits: Int32 = 27

    package init(_ form: Form) {
        switch form {
        case .gzip:
            let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
            unsafe stream.initialize(to: z_stream())
            let begun: Int32 = unsafe plumb_zlib_begin_gzip(stream)
            precondition(begun == Z_OK, "no memory for zlib")
            unsafe engine = .gzip(stream)
        case .zstd:
            guard let context = unsafe ZSTD_createDCtx() else { fatalError("no memory for a zstd context") }
            _ = unsafe ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, Self.mostWindowBits)
            unsafe engine = .zstd(context)
        }
    }

    deinit {
        switch unsafe engine {
        case .gzip(let stream):
            unsafe inflateEnd(stream)
            unsafe stream.deallocate()
        case .zstd(let context): unsafe ZSTD_freeDCtx(context)
        }
    }

    /// Takes of `input` from `place` on what it needs, moves `place` behind it, and appends at most `most` bytes to
    /// `output`. Where it appends nothing, it needs more input.
    package func unpack(
        _ input: [UInt8], from place: inout Int, into output: inout [UInt8], atMost most: Int
    ) throws(CompressionError) {
        let before: Int = output.count
        output += [UInt8](repeating: 0, count: most)
        var written = 0
        var failure: String?
        while written < most, failure == nil {
            let at: (Int, Int) = (place, written)
            failure = step(input, &place, &output, before, &written, most)
            if at == (place, written) { break }
        }
        output.removeLast(most - written)
        if let failure { throw .malformed(failure) }
    }

    private func step(
        _ input: [UInt8], _ place: inout Int, _ output: inout [UInt8], _ before: Int, _ written: inout Int, _ most: Int
    ) -> String? {
        unsafe input.withUnsafeBytes { source in
            unsafe output.withUnsafeMutableBytes { room in
                switch unsafe engine {
                case .gzip(let stream):
                    guard place < source.count || !isBetween else { return nil }
                    let from = unsafe source.baseAddress?.assumingMemoryBound(to: UInt8.self)
                    let to = unsafe room.baseAddress?.assumingMemoryBound(to: UInt8.self)
                    unsafe stream.pointee.next_in = unsafe UnsafeMutablePointer(mutating: from)?.advanced(by: place)
                    unsafe stream.pointee.avail_in = UInt32(source.count - place)
                    unsafe stream.pointee.next_out = unsafe to?.advanced(by: before + written)
                    unsafe stream.pointee.avail_out = UInt32(most - written)
                    let state: Int32 = unsafe inflate(stream, Z_NO_FLUSH)
                    if place < source.count { isBetween = false }
                    place = source.count - Int(unsafe stream.pointee.avail_in)
                    written = most - Int(unsafe stream.pointee.avail_out)
                    if state == Z_STREAM_END {
                        // Another member may follow.
                        unsafe inflateReset(stream)
                        isBetween = true
                        return nil
                    }
                    return state == Z_OK || state == Z_BUF_ERROR ? nil : "zlib says \(state)"
                case .zstd(let context):
                    var from = unsafe ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: place)
                    var to = unsafe ZSTD_outBuffer(dst: room.baseAddress, size: before + most, pos: before + written)
                    let state: Int = unsafe ZSTD_decompressStream(context, &to, &from)
                    if place < source.count { isBetween = false }
                    (place, written) = unsafe (from.pos, to.pos - before)
                    guard ZSTD_isError(state) == 0 else { return unsafe String(cString: ZSTD_getErrorName(state)) }
                    if state == 0 { isBetween = true }
                    return nil
                }
            }
        }
    }
}
