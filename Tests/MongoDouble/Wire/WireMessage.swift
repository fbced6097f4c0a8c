/// One request of MongoDB's wire protocol: the commands that clients of today send with OP_MSG, and the first
/// handshake, which libmongoc sends as a query of the old kind.
struct WireRequest {
    enum Form { case query, message }

    var id: Int32
    var form: Form
    /// The command; documents that came in a section of their own are an array in it, as if they had been written so.
    var command: BSONDocument
    /// The client wants no answer.
    var isSilent = false

    /// The command's name: the first key.
    var name: String { command.members.first?.key ?? "" }

    /// `header` is the 16 bytes before `body`.
    init(header: [UInt8], body: [UInt8]) throws {
        var reader = ByteReader(header)
        _ = try reader.integer(Int32.self)
        id = try reader.integer()
        _ = try reader.integer(Int32.self)
        let code: Int32 = try reader.integer()
        switch code {
        case 2004:
            form = .query
            command = try Self.query(body)
        case 2013:
            form = .message
            (command, isSilent) = try Self.message(body)
        default: throw WireError("operation \(code) is not known here")
        }
    }

    private static func query(_ body: [UInt8]) throws -> BSONDocument {
        var reader = ByteReader(body)
        _ = try reader.integer(Int32.self)
        let collection: String = try reader.cString()
        guard collection.hasSuffix(".$cmd") else { throw WireError("a query of the old kind for \(collection)") }
        _ = try reader.take(8)
        return try reader.document()
    }

    private static func message(_ body: [UInt8]) throws -> (BSONDocument, isSilent: Bool) {
        var reader = ByteReader(body)
        let flags: UInt32 = try reader.integer()
        // A checksum after the sections is allowed; nobody sends one unasked.
        guard flags & 1 == 0 else { throw WireError("a message with a checksum") }
        var command = BSONDocument()
        var sequences: [(String, BSON)] = []
        while !reader.isAtEnd {
            switch try reader.integer(UInt8.self) {
            case 0: command = try reader.document()
            case 1:
                var section = ByteReader(try reader.take(Int(try reader.integer(Int32.self)) - 4))
                let name: String = try section.cString()
                var documents: [BSON] = []
                while !section.isAtEnd { documents.append(.document(try section.document())) }
                sequences.append((name, .array(documents)))
            case let kind: throw WireError("a section of kind \(kind)")
            }
        }
        for (name, documents) in sequences { command[name] = documents }
        return (command, flags & 2 != 0)
    }

    /// The bytes of an answer to this request.
    func reply(_ document: BSONDocument, number: Int32) -> [UInt8] {
        let body: [UInt8]
        let code: Int32
        switch form {
        case .message:
            code = 2013
            body = UInt32(0).littleEndianBytes + [0] + document.bytes
        case .query:
            code = 1
            // Flags, cursor, position, one document.
            body =
                Int32(8).littleEndianBytes + Int64(0).littleEndianBytes + Int32(0).littleEndianBytes
                + Int32(1).littleEndianBytes + document.bytes
        }
        let header: [Int32] = [Int32(body.count + 16), number, id, code]
        return header.flatMap(\.littleEndianBytes) + body
    }
}
