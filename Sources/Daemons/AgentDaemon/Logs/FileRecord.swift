package import Declarations
package import HostSystem
import Runtime

/// What tells the content of a file from that of another: its first bytes that are not NUL, and where they lie. It grows
/// with the file, up to a limit.
package struct Fingerprint: Hashable, Sendable {
    package static let mostBytes = 1024

    /// Where the bytes begin that it is of.
    package let start: Int
    /// How many bytes it is of.
    package let length: Int
    /// SHA-256 of them, in hex.
    package let digest: String

    package init(_ head: ContentHead) {
        start = head.firstPlace
        length = min(head.bytes.count, Self.mostBytes)
        digest = Self.digest(head.bytes.prefix(Self.mostBytes))
    }

    init(start: Int, length: Int, digest: String) {
        self.start = start
        self.length = length
        self.digest = digest
    }

    private static func digest(_ bytes: some Sequence<UInt8>) -> String { hexadecimal(Digests.sha256(Array(bytes))) }

    /// Whether a file that begins with `head` may be the one that this was taken of.
    package func matches(_ head: ContentHead) -> Bool {
        if head.start == start { return head.bytes.count >= length && Self.digest(head.bytes.prefix(length)) == digest }
        guard start == 0 else { return false }
        // Earlier versions took NULs for bytes like others.
        let bytes: [UInt8] = [UInt8](repeating: 0, count: min(head.start, length)) + head.bytes
        return bytes.count >= length && Self.digest(bytes.prefix(length)) == digest
    }
}

/// How far one file is delivered.
package struct FileRecord: Hashable, Sendable {
    /// The name of this content towards the server: random, made when the file is met, and written down before any of it
    /// is sent. A file that is truncated gets a new one.
    package var stream: String
    package var source: String
    /// Where the file was when it had the name under which it is written.
    package var path: String
    package var identity: FileIdentity
    package var fingerprint: Fingerprint
    /// Everything before this offset is acknowledged.
    package var position: Int
    /// How large the file was last, where that is more than was delivered: what is lost with it.
    package var size: Int?
    /// It was rotated away and read to its end: remembered so that it is not taken for a new file.
    package var isDone = false

    package init(
        stream: String, source: String, path: String, identity: FileIdentity, fingerprint: Fingerprint, position: Int,
        isDone: Bool = false
    ) {
        self.stream = stream
        self.source = source
        self.path = path
        self.identity = identity
        self.fingerprint = fingerprint
        self.position = position
        self.isDone = isDone
    }
}

extension FileRecord: JSONCodable {
    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        stream = try reader.string("stream")
        source = try reader.string("source")
        path = try reader.string("path")
        // As texts: inode numbers of some file systems need all 64 bits.
        guard let device = UInt64(try reader.string("device")), let inode = UInt64(try reader.string("inode")) else {
            throw reader.error("inode", "expected device and inode as decimal numbers")
        }
        identity = FileIdentity(device: device, inode: inode)
        fingerprint = Fingerprint(
            start: json["fingerprintStart"]?.integer ?? 0, length: try reader.integer("fingerprintBytes"),
            digest: try reader.string("fingerprint"))
        position = try reader.integer("position")
        size = json["size"]?.integer
        isDone = json["done"]?.bool ?? false
    }

    package var json: JSONValue {
        .object(compacting: [
            "stream": .string(stream), "source": .string(source), "path": .string(path),
            "device": .string("\(identity.device)"), "inode": .string("\(identity.inode)"),
            "fingerprintBytes": .integer(fingerprint.length), "fingerprint": .string(fingerprint.digest),
            "fingerprintStart": fingerprint.start > 0 ? .integer(fingerprint.start) : nil,
            "position": .integer(position), "size": size.map(JSONValue.integer), "done": isDone ? .bool(true) : nil,
        ])
    }
}

/// Whether `name` is what a rotation makes of the file name `base`: a number, a date or `old` behind a point or a dash,
/// as in `app.log.1`, `app.log-20261121`. Narrow on purpose: `syslog-ng.log` is another program's.
package func isRotatedName(_ name: some StringProtocol, of base: some StringProtocol) -> Bool {
    guard name.utf8.starts(with: base.utf8) else { return false }
    return isRotationMark(Array(name.utf8.dropFirst(base.utf8.count)), words: ["old", "bak", "prev"])
}

/// The same with the mark before the ending: `app-1.log`, `app.2026-11-21.log`. Such a name may as well be that of a
/// program's own file, so it counts only together with more: the content, or another file that was seen to get one.
package func isInnerRotatedName(_ name: String, of base: String) -> Bool {
    guard let point = base.lastIndex(of: "."), point > base.startIndex else { return false }
    let stem: [UInt8] = Array(base[..<point].utf8)
    let ending: [UInt8] = Array(base[point...].utf8)
    let bytes: [UInt8] = Array(name.utf8)
    guard bytes.count > stem.count + ending.count, bytes.starts(with: stem),
        bytes.suffix(ending.count).elementsEqual(ending)
    else { return false }
    return isRotationMark(Array(bytes[stem.count..<(bytes.count - ending.count)]), words: [])
}

func isAnyRotatedName(_ name: String, of base: String) -> Bool {
    isRotatedName(name, of: base) || isInnerRotatedName(name, of: base)
}

private func isRotationMark(_ mark: [UInt8], words: [String]) -> Bool {
    guard mark.count > 1, mark[0] == UInt8(ascii: ".") || mark[0] == UInt8(ascii: "-") else { return false }
    let suffix: ArraySlice<UInt8> = mark.dropFirst()
    if words.contains(where: { suffix.elementsEqual($0.utf8) }) { return true }
    guard suffix[1] &- 48 <= 9 else { return false }
    return suffix.allSatisfy { $0 &- 48 <= 9 || "-_.:T".utf8.contains($0) }
}

private let packedEndings = [".gz", ".xz", ".zst", ".bz2", ".lz4", ".zip", ".Z"]

/// Whether a file of this name holds no lines as they were written: a rotation packed it.
package func isCompressedName(_ name: some StringProtocol) -> Bool {
    packedEndings.contains { name.hasSuffix($0) }
}

/// The name that a file had before it was packed.
func nameBeforePacking(_ name: String) -> String {
    guard let ending = packedEndings.first(where: { name.hasSuffix($0) }) else { return name }
    return String(name.dropLast(ending.count))
}
