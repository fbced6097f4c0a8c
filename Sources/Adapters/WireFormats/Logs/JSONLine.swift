package import Declarations
import Telemetry

/// A line that is one JSON object.
enum JSONLine {
    /// Nil where the line is none.
    static func parse(_ text: String, _ clock: LineClock) -> ParsedLine? {
        guard text.utf8.first == UInt8(ascii: "{"), let members = try? JSONValue.members(parsing: text) else {
            return nil
        }
        let fields = LineFields(unique: members)
        return containerLine(fields, clock) ?? line(fields, text, clock)
    }

    /// The wrapper that Docker's json-file driver puts around each line of a container: `log`, `stream`, `time`.
    private static func containerLine(_ members: LineFields, _ clock: LineClock) -> ParsedLine? {
        guard let log = members["log"]?.string, let stream = members["stream"]?.string, members.count <= 4 else {
            return nil
        }
        let inner: String = log.hasSuffix("\n") ? String(log.dropLast()) : log
        var parsed: ParsedLine = LineParser(.auto).parse(withoutNUL(inner), clock)
        parsed.fields["stream"] = .string(stream)
        // Docker knows when it was written; what the program says is its own affair, and often without a zone.
        parsed.time = members["time"].flatMap { LineTime.time($0, clock) } ?? parsed.time
        return parsed
    }

    private static func line(_ members: LineFields, _ text: String, _ clock: LineClock) -> ParsedLine {
        var rest: LineFields = members
        var parsed = ParsedLine(message: text)
        for key in LineKeys.time {
            guard let value = rest[key], let time = LineTime.time(value, clock) else { continue }
            parsed.time = time
            rest[key] = nil
            break
        }
        for key in LineKeys.level {
            guard let value = rest[key], let level = level(value) else { continue }
            parsed.level = level
            // What four levels cannot say stays with the line.
            if value.string?.lowercased() == level.rawValue { rest[key] = nil }
            break
        }
        for key in LineKeys.message {
            guard let message = rest[key]?.string, !message.isEmpty else { continue }
            parsed.message = withoutNUL(message)
            rest[key] = nil
            break
        }
        // Only an escape can bring one: the line itself has none.
        if text.utf8.contains(UInt8(ascii: "\\")) { rest.replaceNUL() }
        parsed.fields = rest
        return parsed
    }

    private static func level(_ value: JSONValue) -> LogLevel? {
        if let number = value.number { return LogLevel(number: number) }
        guard let word = value.string else { return nil }
        return LogLevel(alias: word) ?? Double(word).flatMap { LogLevel(number: $0) }
    }
}

/// The text with U+FFFD for each NUL, which PostgreSQL cannot hold.
package func withoutNUL(_ text: String) -> String {
    guard text.utf8.contains(0) else { return text }
    return String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value == 0 ? "\u{FFFD}" : $0 }))
}

/// The value with U+FFFD for each NUL in its texts and keys.
package func withoutNUL(_ value: JSONValue) -> JSONValue {
    switch value {
    case .string(let text): .string(withoutNUL(text))
    case .array(let items): .array(items.map { withoutNUL($0) })
    case .object(let members): .object(members.reduce(into: [:]) { $0[withoutNUL($1.key)] = withoutNUL($1.value) })
    case .null, .bool, .number: value
    }
}
