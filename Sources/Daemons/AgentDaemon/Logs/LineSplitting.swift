import Declarations
import Glibc

/// One line, or lines that belong together, as it stands in a file, without its line end.
package struct RawLine: Hashable, Sendable {
    /// Of its first byte, from the file's beginning.
    package var place: Int
    package var bytes: [UInt8]
    /// Whether bytes were left out at the end because it was too long.
    package var isCut: Bool
    /// What a container's runtime says of it; nil in other files.
    package var wrapper: ContainerWrapper?

    package init(place: Int, bytes: [UInt8], isCut: Bool = false, wrapper: ContainerWrapper? = nil) {
        self.place = place
        self.bytes = bytes
        self.isCut = isCut
        self.wrapper = wrapper
    }
}

/// The lines of a piece of a file.
package struct LineSplitting: Hashable, Sendable {
    /// Lines that are not blank, in order.
    package private(set) var lines: [RawLine] = []
    /// Where the first byte lies that belongs to none of them: the next piece begins there.
    package private(set) var end: Int

    /// Splits `piece`, which begins at `place` with the beginning of a line.
    ///
    /// - longest: bytes of a line that are kept. A longer line is cut between two characters.
    /// - mostLines, mostBytes: where to stop; at least one line is taken.
    /// - takesRest: whether what stands behind the last line feed is a line too: because nothing came for a while, or
    ///   because the piece is full without any line feed.
    package init(
        _ piece: [UInt8], at place: Int, longest: Int, mostLines: Int = .max, mostBytes: Int = .max,
        takesRest: Bool = false
    ) {
        end = place
        var start = 0
        var bytes = 0
        while start < piece.count, lines.count < mostLines, bytes < mostBytes {
            let feed: Int? = Self.lineFeed(in: piece, from: start)
            guard let stop = feed ?? (takesRest ? piece.count : nil) else { return }
            if let line = Self.line(piece[start..<stop], at: place + start, longest: longest) {
                lines.append(line)
                bytes += line.bytes.count
            }
            start = feed.map { $0 + 1 } ?? stop
            end = place + start
        }
    }

    /// By the C library, which looks at many bytes at once.
    private static func lineFeed(in piece: [UInt8], from start: Int) -> Int? {
        piece.withUnsafeBytes { buffer in
            guard let base = buffer.baseAddress, let found = memchr(base + start, 0x0A, buffer.count - start) else {
                return nil
            }
            return UnsafeRawPointer(found) - base
        }
    }

    /// Nil for a line that is blank. NULs before its first byte are none of it: a hole in the file, or what a power
    /// failure left.
    private static func line(_ content: ArraySlice<UInt8>, at place: Int, longest: Int) -> RawLine? {
        var text: ArraySlice<UInt8> = content.last == 0x0D ? content.dropLast() : content
        if text.first == 0 { text = text.drop { $0 == 0 } }
        guard text.contains(where: { $0 != 0x20 && $0 != 0x09 && $0 != 0x0D && $0 != 0 }) else { return nil }
        let (kept, isCut): (ArraySlice<UInt8>, Bool) = cut(text, longest: longest)
        return RawLine(place: place + text.startIndex - content.startIndex, bytes: Array(kept), isCut: isCut)
    }

    /// At most so many bytes, without a part of a character at their end; and whether that is not all.
    static func cut(_ text: ArraySlice<UInt8>, longest: Int) -> (kept: ArraySlice<UInt8>, isCut: Bool) {
        guard text.count > longest else { return (text, false) }
        var cut: Int = text.startIndex + longest
        // A character has at most three bytes behind its first; more of them are no UTF-8 and are cut anywhere.
        for _ in 0..<3 where cut > text.startIndex && text[cut] & 0xC0 == 0x80 { cut -= 1 }
        if text[cut] & 0xC0 == 0x80 { cut = text.startIndex + longest }
        return (text[..<cut], true)
    }
}

extension RawLine {
    /// The text, with U+FFFD for what is no UTF-8 and for NUL characters; and whether any were replaced.
    package var text: (text: String, isRepaired: Bool) {
        let known: String? = bytes.withUnsafeBufferPointer { buffer in
            buffer.baseAddress.flatMap { memchr($0, 0, buffer.count) } == nil
                ? String(wellFormed: buffer) : nil
        }
        guard let valid = known else {
            let replaced = String(decoding: bytes, as: UTF8.self)
            return (
                String(String.UnicodeScalarView(replaced.unicodeScalars.map { $0.value == 0 ? "\u{FFFD}" : $0 })), true
            )
        }
        return (valid, false)
    }
}
