/// Why bytes are not BSON. Says where, never what: a value may be secret.
struct BSONProblem: Error, Hashable, Sendable, CustomStringConvertible {
    var description: String
}

/// Goes through the members of one document without trusting any length in it.
///
/// The client library does not look into the documents that it hands out; what a server, a proxy or an old driver put
/// there is checked here.
struct BSONScanner {
    private let bytes: ArraySlice<UInt8>
    private var position: Int

    /// `document` is the bytes of a document or array, length and terminator included.
    init(document: ArraySlice<UInt8>) throws(BSONProblem) {
        guard document.count >= 5 else { throw BSONProblem(description: "a document of \(document.count) bytes") }
        let length = Int(Int32(littleEndian: document.prefix(4)))
        guard length == document.count else {
            throw BSONProblem(description: "a document says that it has \(length) bytes and has \(document.count)")
        }
        guard document.last == 0 else { throw BSONProblem(description: "a document without its end") }
        bytes = document.dropLast()
        position = document.startIndex + 4
    }

    struct Member {
        /// Without the zero behind it. Need not be UTF-8.
        var key: ArraySlice<UInt8>
        var type: BSONType
        var content: ArraySlice<UInt8>

        var element: BSONElement { BSONElement(type: type, content: Array(content)) }
    }

    /// The next member; nil behind the last.
    mutating func next() throws(BSONProblem) -> Member? {
        guard position < bytes.endIndex else { return nil }
        let type = BSONType(rawValue: bytes[position])
        position += 1
        let key: ArraySlice<UInt8> = try untilZero()
        let start: Int = position
        try skip(contentOf: type)
        return Member(key: key, type: type, content: bytes[start..<position])
    }

    private mutating func skip(contentOf type: BSONType) throws(BSONProblem) {
        switch type {
        case .undefined, .null, .minKey, .maxKey: break
        case .bool: try skip(1)
        case .int32: try skip(4)
        case .double, .date, .timestamp, .int64: try skip(8)
        case .objectID: try skip(12)
        case .decimal128: try skip(16)
        case .string, .javascript, .symbol: try skipString()
        case .binary:
            let length: Int = try length(atLeast: 0)
            try skip(1 + length)
        case .document, .array, .javascriptWithScope:
            let start: Int = position
            let length: Int = try length(atLeast: 5)
            position = start
            try skip(length)
        case .regex:
            _ = try untilZero()
            _ = try untilZero()
        case .dbPointer:
            try skipString()
            try skip(12)
        default: throw BSONProblem(description: "the type \(type.rawValue) does not exist")
        }
    }

    private mutating func skip(_ count: Int) throws(BSONProblem) {
        guard bytes.endIndex - position >= count else {
            throw BSONProblem(
                description: "a value of \(count) bytes where \(bytes.endIndex - position) are left")
        }
        position += count
    }

    private mutating func length(atLeast least: Int) throws(BSONProblem) -> Int {
        try skip(4)
        let length = Int(Int32(littleEndian: bytes[(position - 4)..<position]))
        guard length >= least else { throw BSONProblem(description: "a length of \(length)") }
        return length
    }

    /// A string says its length with the zero that ends it.
    private mutating func skipString() throws(BSONProblem) {
        let length: Int = try length(atLeast: 1)
        try skip(length)
        guard bytes[position - 1] == 0 else { throw BSONProblem(description: "a text without its end") }
    }

    private mutating func untilZero() throws(BSONProblem) -> ArraySlice<UInt8> {
        guard let end = bytes[position...].firstIndex(of: 0) else {
            throw BSONProblem(description: "a name without its end")
        }
        defer { position = end + 1 }
        return bytes[position..<end]
    }
}

extension BSONScanner {
    /// The value at a dotted path of `document`, the first where a name is there twice. Nil where there is none, and
    /// where the bytes before it cannot be read.
    static func element(at path: String, in document: ArraySlice<UInt8>) -> BSONElement? {
        let parts: [Substring] = path.split(separator: ".", maxSplits: 1)
        guard let name = parts.first, var scanner = try? BSONScanner(document: document) else { return nil }
        while let member = try? scanner.next() {
            guard member.key.elementsEqual(name.utf8) else { continue }
            guard parts.count == 2 else { return member.element }
            return member.type == .document ? element(at: String(parts[1]), in: member.content) : nil
        }
        return nil
    }
}
