import Glibc
import HostSystem
import Runtime

/// What a content begins with: where its first byte lies that is not NUL, and up to so many bytes from there.
///
/// A program that does not append (`app > app.log`) goes on where it was when its file is truncated: the file then begins
/// with a hole, which reads as NULs and tells it from no other.
package struct ContentHead: Hashable, Sendable {
    /// Where `bytes` begin; where there are none, how far there is nothing but NULs.
    package let start: Int
    package let bytes: [UInt8]

    package init(start: Int = 0, _ bytes: [UInt8]) {
        self.start = start
        self.bytes = bytes
    }

    var isEmpty: Bool { bytes.isEmpty }
    /// Where reading begins of a content that nothing was read of.
    var firstPlace: Int { isEmpty ? 0 : start }
}

/// Whether one content is the beginning of the other: the same file, or a copy that is being made.
func isBeginning(_ one: ContentHead, _ other: ContentHead) -> Bool {
    // A copy of which only the hole is there so far.
    if one.isEmpty != other.isEmpty { return one.isEmpty ? isHole(one, of: other) : isHole(other, of: one) }
    guard !one.isEmpty, one.start == other.start else { return false }
    return one.bytes.starts(with: other.bytes) || other.bytes.starts(with: one.bytes)
}

private func isHole(_ hole: ContentHead, of content: ContentHead) -> Bool {
    hole.start > 0 && hole.start <= content.start
}

extension LogContent {
    func head() throws(FileError) -> ContentHead {
        let bytes: [UInt8] = try read(at: 0, count: Fingerprint.mostBytes)
        guard bytes.first == 0 else { return ContentHead(bytes) }
        let found: (place: Int, bytes: [UInt8]) = try readBehindNULs(at: 0, count: Holes.pieceBytes)
        guard found.bytes.first == 0 else {
            return ContentHead(start: found.place, Array(found.bytes.prefix(Fingerprint.mostBytes)))
        }
        return ContentHead(start: found.place + found.bytes.count, [])
    }

    /// Up to `count` bytes from the first on, at or behind `offset`, that is not NUL; and where that lies. NULs at the end
    /// of a file are given as they are: something else may come in their place.
    func readBehindNULs(at offset: Int, count: Int) throws(FileError) -> (place: Int, bytes: [UInt8]) {
        var place: Int = offset
        var bytes: [UInt8] = try read(at: place, count: count)
        var passed = 0
        while bytes.first == 0, passed < Holes.mostBytes {
            let nulls: Int = Holes.leadingNULs(bytes)
            guard nulls < bytes.count || bytes.count == count else { break }
            place += nulls
            passed += nulls
            if nulls == bytes.count {
                if let data = try dataStart(from: place) {
                    place = data
                } else {
                    // Nothing but a hole is left: its last byte stands for it.
                    place = max(place, try stamp().size - 1)
                }
            }
            bytes = try read(at: place, count: count)
        }
        return (place, bytes)
    }
}

private enum Holes {
    static let pieceBytes = 256 << 10
    /// NULs that are read at once where the file system does not say where data begin, or stores them: a fraction of a
    /// second of reading.
    static let mostBytes = 256 << 20

    static func leadingNULs(_ bytes: [UInt8]) -> Int {
        // Whole pieces by the C library, which looks at many bytes at once.
        let isAll: Bool = bytes.withUnsafeBytes { buffer in
            guard let base = buffer.baseAddress, buffer[0] == 0 else { return buffer.isEmpty }
            return memcmp(base, base + 1, buffer.count - 1) == 0
        }
        return isAll ? bytes.count : bytes.firstIndex { $0 != 0 } ?? bytes.count
    }
}
