/// Writes values as D-Bus lays them out: each at a multiple of its size.
package struct BusWriter {
    package var bytes: [UInt8] = []

    package init() {}

    package mutating func align(_ size: Int) {
        while bytes.count % size != 0 { bytes.append(0) }
    }

    package mutating func byte(_ value: UInt8) { bytes.append(value) }

    package mutating func number(_ value: UInt32) {
        align(4)
        for shift in stride(from: 0, to: 32, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
    }

    package mutating func largeNumber(_ value: UInt64) {
        align(8)
        for shift in stride(from: 0, to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
    }

    package mutating func text(_ value: String) {
        number(UInt32(value.utf8.count))
        bytes += Array(value.utf8) + [0]
    }

    package mutating func signature(_ value: String) { bytes += [UInt8(value.utf8.count)] + Array(value.utf8) + [0] }

    mutating func field(_ code: UInt8, _ type: String, _ value: String) {
        align(8)
        byte(code)
        signature(type)
        text(value)
    }
}

/// Reads values as D-Bus lays them out. Nothing is trusted: an answer that is too short is an error.
package struct BusReader {
    private let bytes: [UInt8]
    package var position = 0

    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    package var isAtEnd: Bool { position >= bytes.count }

    package mutating func align(_ size: Int) { position = (position + size - 1) / size * size }

    package mutating func take(_ count: Int) throws(BusError) -> ArraySlice<UInt8> {
        guard count >= 0, position >= 0, position <= bytes.count, count <= bytes.count - position else {
            throw BusError("a message that is cut off")
        }
        defer { position += count }
        return bytes[position..<(position + count)]
    }

    package mutating func byte() throws(BusError) -> UInt8 { try take(1).first ?? 0 }

    package mutating func number() throws(BusError) -> UInt32 {
        align(4)
        return try take(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }

    package mutating func largeNumber() throws(BusError) -> UInt64 {
        align(8)
        return try take(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    package mutating func text() throws(BusError) -> String {
        let count: Int = Int(try number())
        let text = String(decoding: try take(count), as: UTF8.self)
        _ = try byte()
        return text
    }

    package mutating func signature() throws(BusError) -> String {
        let count: Int = Int(try byte())
        let text = String(decoding: try take(count), as: UTF8.self)
        _ = try byte()
        return text
    }

    /// A variant that holds a text or a number.
    package mutating func variant() throws(BusError) -> BusValue {
        switch try signature() {
        case "s", "o": return .text(try text())
        case "u", "b", "i": return .number(UInt64(try number()))
        case "t", "x": return .number(try largeNumber())
        case let type: throw BusError("a value of type \(type)")
        }
    }
}

/// A property's value.
package enum BusValue: Hashable, Sendable {
    case text(String)
    case number(UInt64)
}
