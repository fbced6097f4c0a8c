/// One message of D-Bus (specification 0.43), little-endian: what is needed to call methods and to read their answers.
package struct BusMessage: Hashable, Sendable {
    package enum Kind: UInt8, Hashable, Sendable { case call = 1, answer, error, signal }

    package var kind: Kind
    package var serial: UInt32
    package var path: String?
    package var interface: String?
    package var member: String?
    package var errorName: String?
    package var replySerial: UInt32?
    package var destination: String?
    package var sender: String?
    /// The types of the body.
    package var signature = ""
    package var body: [UInt8] = []

    package init(_ kind: Kind, serial: UInt32) {
        self.kind = kind
        self.serial = serial
    }

    /// A call of a method whose arguments are texts.
    package init(
        call member: String, of interface: String, at path: String, on destination: String, _ arguments: [String] = [],
        serial: UInt32
    ) {
        self.init(.call, serial: serial)
        self.path = path
        self.interface = interface
        self.member = member
        self.destination = destination
        signature = String(repeating: "s", count: arguments.count)
        var writer = BusWriter()
        for argument in arguments { writer.text(argument) }
        body = writer.bytes
    }

    /// The largest message that is read; systemd with a thousand units sends 300 kB.
    package static let mostBytes = 16 << 20
    /// The bytes that say how long the rest is.
    package static let prefixLength = 16

    /// The message as it goes over the wire.
    package var encoded: [UInt8] {
        var writer = BusWriter()
        writer.byte(UInt8(ascii: "l"))
        writer.byte(kind.rawValue)
        writer.byte(0)
        writer.byte(1)
        writer.number(UInt32(body.count))
        writer.number(serial)
        var fields = BusWriter()
        // The list begins at a multiple of eight, so places within it are as if it stood alone.
        if let path { fields.field(1, "o", path) }
        if let interface { fields.field(2, "s", interface) }
        if let member { fields.field(3, "s", member) }
        if let errorName { fields.field(4, "s", errorName) }
        if let replySerial {
            fields.align(8)
            fields.byte(5)
            fields.signature("u")
            fields.number(replySerial)
        }
        if let destination { fields.field(6, "s", destination) }
        if !signature.isEmpty {
            fields.align(8)
            fields.byte(8)
            fields.signature("g")
            fields.signature(signature)
        }
        writer.number(UInt32(fields.bytes.count))
        writer.bytes += fields.bytes
        writer.align(8)
        return writer.bytes + body
    }

    /// How long the message is that begins with `prefix`, in all.
    package static func length(prefix: [UInt8]) throws(BusError) -> Int {
        var reader = BusReader(prefix)
        guard try reader.byte() == UInt8(ascii: "l") else { throw BusError("an answer in another byte order") }
        reader.position = 4
        let body: UInt32 = try reader.number()
        reader.position = 12
        let fields: UInt32 = try reader.number()
        let length: Int = prefixLength + (Int(fields) + 7) / 8 * 8 + Int(body)
        guard length <= mostBytes else { throw BusError("an answer of \(length) bytes") }
        return length
    }

    package init(decoding bytes: [UInt8]) throws(BusError) {
        var reader = BusReader(bytes)
        reader.position = 1
        guard let kind = Kind(rawValue: try reader.byte()) else { throw BusError("a message of an unknown type") }
        reader.position = 4
        let bodyLength: Int = Int(try reader.number())
        self.init(kind, serial: try reader.number())
        let fieldsEnd: Int = Int(try reader.number()) + Self.prefixLength
        while reader.position < fieldsEnd { try readField(&reader) }
        reader.align(8)
        body = Array(try reader.take(bodyLength))
    }

    private mutating func readField(_ reader: inout BusReader) throws(BusError) {
        reader.align(8)
        let code: UInt8 = try reader.byte()
        let type: String = try reader.signature()
        switch (code, type) {
        case (1, "o"): path = try reader.text()
        case (2, "s"): interface = try reader.text()
        case (3, "s"): member = try reader.text()
        case (4, "s"): errorName = try reader.text()
        case (5, "u"): replySerial = try reader.number()
        case (6, "s"): destination = try reader.text()
        case (7, "s"): sender = try reader.text()
        case (8, "g"): signature = try reader.signature()
        case (_, "u"): _ = try reader.number()
        case (_, "s"), (_, "o"): _ = try reader.text()
        default: throw BusError("a header field of type \(type)")
        }
    }
}

/// Why a message cannot be read, or the bus cannot be used.
package struct BusError: Error, Hashable, Sendable, CustomStringConvertible {
    package var message: String

    package init(_ message: String) { self.message = message }

    package var description: String { message }
}
