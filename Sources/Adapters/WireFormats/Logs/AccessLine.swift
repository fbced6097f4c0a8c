import Declarations
import Telemetry

/// A line of a web server's access log, in the common or the combined form:
/// `10.0.0.1 - ada [21/Nov/2026:03:09:42 +0100] "GET /x HTTP/1.1" 200 512 "https://…" "curl/8"`.
enum AccessLine {
    /// Nil where the line is none.
    static func parse(_ text: String, _ start: ByteReader) -> ParsedLine? {
        // Host, identity and user, and before them the virtual host in some forms.
        guard let bracket = start.bytes.prefix(600).firstIndex(of: UInt8(ascii: "[")), bracket > 5 else { return nil }
        var reader: ByteReader = start
        reader.position = bracket + 1
        guard let time = LineTime.accessLog(&reader), reader.take("]"), reader.take(" ") else { return nil }
        let words: [ArraySlice<UInt8>] = start.bytes[..<bracket].split(separator: UInt8(ascii: " "))
        guard (3...4).contains(words.count), let request = reader.quoted(), reader.take(" "),
            let status = reader.number(), (100...599).contains(status)
        else { return ParsedLine(time: time, message: text) }
        var parsed = ParsedLine(time: time, level: level(status), message: text)
        parsed.fields["status"] = .integer(Int(status))
        parsed.fields["client"] = .string(String(decoding: words[words.count - 3], as: UTF8.self))
        set(String(decoding: words[words.count - 1], as: UTF8.self), as: "user", &parsed)
        let parts: [Substring.UTF8View] = request.utf8.split(separator: UInt8(ascii: " "), maxSplits: 2)
        if parts.count >= 2 {
            parsed.fields["method"] = .string(String(Substring(parts[0])))
            parsed.fields["path"] = .string(String(Substring(parts[1])))
        }
        guard reader.take(" ") else { return parsed }
        if let bytes = reader.number() { parsed.fields["bytes"] = .integer(Int(bytes)) } else { _ = reader.take("-") }
        guard reader.take(" "), let referrer = reader.quoted() else { return parsed }
        set(referrer, as: "referrer", &parsed)
        guard reader.take(" "), let agent = reader.quoted() else { return parsed }
        set(agent, as: "agent", &parsed)
        return parsed
    }

    private static func set(_ value: String, as name: String, _ parsed: inout ParsedLine) {
        if value != "-", !value.isEmpty { parsed.fields[name] = .string(value) }
    }

    /// What went wrong in the server is an error, what a client asked wrongly a warning.
    private static func level(_ status: Int64) -> LogLevel {
        switch status {
        case 500...: .error
        case 400...: .warn
        default: .info
        }
    }
}
