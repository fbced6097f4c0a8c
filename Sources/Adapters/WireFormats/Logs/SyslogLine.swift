import Declarations
import Telemetry

/// A line of syslog: RFC 5424 (`<165>1 2026-11-21T03:09:42Z web-1 app 12 ID47 [x@1 k="v"] …`), or RFC 3164
/// (`<34>Nov 21 03:09:42 web-1 su[12]: …`), whose priority files leave out.
enum SyslogLine {
    /// Nil where the line is none.
    static func parse(_ text: String, _ start: ByteReader, _ clock: LineClock) -> ParsedLine? {
        var reader: ByteReader = start
        let priority: Int64? = priority(&reader)
        if start.peek() == UInt8(ascii: "<"), priority == nil { return nil }
        var version: ByteReader = reader
        if priority != nil, version.take("1"), version.take(" ") {
            return current(text, version, severity: severity(priority), clock)
        }
        guard let time = LineTime.prefix(of: reader, clock) else {
            return priority.map { ParsedLine(level: severity($0), message: text) }
        }
        reader.position = time.length
        let level: LogLevel? = PlainLine.level(in: reader.bytes[reader.position...], isTimed: true)
        return ParsedLine(
            time: time.time, level: severity(priority) ?? level, message: text,
            fields: ProgramTag(reader, isSyslog: true)?.fields ?? [:])
    }

    /// `<34>`: facility times eight and severity.
    private static func priority(_ reader: inout ByteReader) -> Int64? {
        let start: Int = reader.position
        if reader.take("<"), let number = reader.number(), number <= 191, reader.take(">") { return number }
        reader.position = start
        return nil
    }

    private static func severity(_ priority: Int64?) -> LogLevel? {
        priority.flatMap { LogLevel(number: Double($0 % 8)) }
    }

    /// RFC 5424: the message is what stands behind the header, which becomes fields.
    private static func current(
        _ text: String, _ start: ByteReader, severity: LogLevel?, _ clock: LineClock
    ) -> ParsedLine? {
        var reader: ByteReader = start
        guard let time = reader.word(), let host = reader.word(), let program = reader.word(),
            let process = reader.word(), let message = reader.word(movesOverBlanks: false)
        else { return nil }
        var parsed = ParsedLine(
            time: Timestamp(rfc3339: String(decoding: time, as: UTF8.self)), level: severity, message: text)
        let header: [(String, ArraySlice<UInt8>)] = [
            ("hostname", host), ("program", program), ("pid", process), ("msgid", message),
        ]
        for (name, value) in header where !value.elementsEqual("-".utf8) {
            parsed.fields[name] = .string(String(decoding: value, as: UTF8.self))
        }
        guard reader.take(" "), takeData(&reader, &parsed) else { return parsed }
        guard reader.take(" ") else { return parsed }
        let rest = Substring(text.utf8.dropFirst(reader.position))
        // Some senders begin UTF-8 with a byte order mark, as the RFC has it.
        let said: Substring =
            rest.unicodeScalars.first == "\u{FEFF}" ? Substring(rest.unicodeScalars.dropFirst()) : rest
        if !said.isEmpty { parsed.message = String(said) }
        return parsed
    }

    /// `-`, or elements such as `[exampleSDID@32473 iut="3" eventSource="Application"]`. False where it is neither.
    private static func takeData(_ reader: inout ByteReader, _ parsed: inout ParsedLine) -> Bool {
        if reader.take("-") { return true }
        var found = false
        while reader.take("[") {
            guard let name = reader.name() else { return false }
            var members: [String: JSONValue] = [:]
            while reader.take(" ") {
                guard let key = reader.name(), reader.take("="), let value = reader.quoted() else { return false }
                members[key] = .string(value)
            }
            guard reader.take("]") else { return false }
            parsed.fields[name] = .object(members)
            found = true
        }
        return found
    }
}

extension ByteReader {
    /// What stands up to a blank, `=`, `]` or a quote.
    fileprivate mutating func name() -> String? {
        let start: Int = position
        while let byte = peek(), byte > 0x20, !"=]\"".utf8.contains(byte) { position += 1 }
        return position > start ? String(decoding: bytes[start..<position], as: UTF8.self) : nil
    }
}
