import Glibc

/// A file with a line for each document that came, went out or changed, so that a double that is started again goes on
/// where the last one ended. Written before the answer is sent.
final class Journal: Sendable {
    enum Entry {
        case put(String, BSONDocument)
        case served(String, BSON)
        case updated(String, BSONDocument)
    }

    private let path: String
    private let descriptor: Int32

    init(path: String) throws {
        self.path = path
        descriptor = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw WireError("cannot open \(path): \(String(cString: strerror(errno)))") }
    }

    deinit { close(descriptor) }

    func append(_ entry: Entry) {
        let line: String =
            switch entry {
            case .put(let namespace, let document): "put \(namespace) \(Self.hex(document.bytes))\n"
            case .served(let namespace, let id): "served \(namespace) \(Self.hex(BSONDocument([("_id", id)]).bytes))\n"
            case .updated(let namespace, let document): "updated \(namespace) \(Self.hex(document.bytes))\n"
            }
        let bytes: [UInt8] = Array(line.utf8)
        precondition(write(descriptor, bytes, bytes.count) == bytes.count, "cannot write \(path)")
    }

    /// What is in the file. A last line without an end, from a double that was killed, is no entry.
    func entries() throws -> [Entry] {
        lseek(descriptor, 0, SEEK_SET)
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count: Int = read(descriptor, &chunk, chunk.count)
            guard count > 0 else { break }
            bytes += chunk.prefix(count)
        }
        return try bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropLast().map { line in
            let words: [Substring] = String(decoding: line, as: UTF8.self).split(separator: " ")
            guard words.count == 3 else { throw WireError("\(path): not an entry: \(words)") }
            var reader = ByteReader(Self.bytes(words[2]))
            let (namespace, document): (String, BSONDocument) = (String(words[1]), try reader.document())
            switch words[0] {
            case "put": return .put(namespace, document)
            case "served": return .served(namespace, document["_id"] ?? .null)
            case "updated": return .updated(namespace, document)
            default: throw WireError("\(path): not an entry: \(words[0])")
            }
        }
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        let digits: [UInt8] = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    private static func bytes(_ hex: Substring) -> [UInt8] {
        var bytes: [UInt8] = []
        var high: UInt8?
        for digit in hex.utf8 {
            let value: UInt8 = digit < 0x3A ? digit - 0x30 : digit - 0x57
            if let first = high { bytes.append(first << 4 | value) }
            high = high == nil ? value : nil
        }
        return bytes
    }
}
