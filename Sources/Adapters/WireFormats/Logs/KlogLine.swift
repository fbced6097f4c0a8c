import Declarations
import Telemetry

/// A line of Go's klog and glog: `E1121 03:09:42.123456   12 main.go:7] …`.
enum KlogLine {
    /// Nil where the line is none.
    static func parse(_ text: String, _ start: ByteReader, _ clock: LineClock) -> ParsedLine? {
        var reader: ByteReader = start
        guard let letter = reader.peek(), let level = level(letter) else { return nil }
        reader.position += 1
        guard let date = reader.digits(4), reader.take(" ") else { return nil }
        var parsed = ParsedLine(level: level, message: text)
        guard let clockTime = reader.clockTime() else { return nil }
        parsed.time = LineTime.recent(date / 100, date % 100, clockTime, clock)
        reader.skip(" ")
        if let thread = reader.number(), reader.take(" "), let place = reader.word(), place.last == UInt8(ascii: "]") {
            parsed.fields = [
                "thread": .string("\(thread)"), "caller": .string(String(decoding: place.dropLast(), as: UTF8.self)),
            ]
        }
        return parsed
    }

    private static func level(_ letter: UInt8) -> LogLevel? {
        switch letter {
        case UInt8(ascii: "D"): .debug
        case UInt8(ascii: "I"): .info
        case UInt8(ascii: "W"): .warn
        case UInt8(ascii: "E"), UInt8(ascii: "F"): .error
        default: nil
        }
    }
}
