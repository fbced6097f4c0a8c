import Declarations
package import Logging
import Telemetry

/// Writes each event as one line: JSON for machines (`time`, `level`, `msg`, `service`, then the metadata), or a short
/// form for a person at a terminal.
package struct LineLogHandler: LogHandler {
    package enum Format: String, CaseIterable, Sendable {
        case json
        case text
    }

    /// Takes one finished line, with its line feed.
    package typealias Sink = @Sendable (String) -> Void

    package var logLevel: Logger.Level
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?
    private let service: String
    private let format: Format
    private let clock: WallClock
    private let sink: Sink

    package init(
        service: String, level: Logger.Level, format: Format, clock: @escaping WallClock, sink: @escaping Sink
    ) {
        self.service = service
        self.logLevel = level
        self.format = format
        self.clock = clock
        self.sink = sink
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var fields: Logger.Metadata = metadata
        if let provided = metadataProvider?.get() { fields.merge(provided) { _, later in later } }
        if let own = event.metadata { fields.merge(own) { _, later in later } }
        if let error = event.error { fields[LogKey.error.rawValue] = .string("\(error)") }
        let time: Timestamp = clock()
        switch format {
        case .json: sink(withoutSecrets(jsonLine(event, time: time, fields: fields)))
        case .text: sink(withoutSecrets(textLine(event, time: time, fields: fields)))
        }
    }

    /// The fixed keys stand first, so that a person can read the lines too; RFC 8785's order would bury them.
    private func jsonLine(_ event: LogEvent, time: Timestamp, fields: Logger.Metadata) -> String {
        let fixed: [(String, JSONValue)] = [
            ("time", .time(time)), ("level", .string(event.level.rawValue)), ("msg", .string("\(event.message)")),
            ("service", .string(service)),
        ]
        let reserved: Set<String> = Set(fixed.map(\.0))
        let rest: [(String, JSONValue)] = fields.sorted { $0.key < $1.key }
            .map { (reserved.contains($0.key) ? "meta.\($0.key)" : $0.key, $0.value.json) }
        let members: [String] = (fixed + rest).map { "\(JSONValue.string($0.0).canonicalText):\($0.1.canonicalText)" }
        return "{\(members.joined(separator: ","))}\n"
    }

    private func textLine(_ event: LogEvent, time: Timestamp, fields: Logger.Metadata) -> String {
        let rest: String = fields.sorted { $0.key < $1.key }.map { " \($0.key)=\(quoted("\($0.value)"))" }.joined()
        let level: String = event.level.rawValue.uppercased()
        let padding = String(repeating: " ", count: max(0, 8 - level.count))
        return "\(time.rfc3339) \(level)\(padding) \(oneLine("\(event.message)"))\(rest)\n"
    }
}

extension Logger.MetadataValue {
    fileprivate var json: JSONValue {
        switch self {
        case .string(let text): .string(text)
        case .stringConvertible(let value): .string(value.description)
        case .array(let items): .array(items.map(\.json))
        case .dictionary(let members): .object(members.mapValues(\.json))
        }
    }
}

/// A log line is one line whatever it says: a line feed inside would let a request forge the next one.
private func oneLine(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) else { return text }
    return text.unicodeScalars.map {
        $0.value < 0x20 || $0.value == 0x7F ? "\\u{\(String($0.value, radix: 16))}" : "\($0)"
    }
    .joined()
}

private func quoted(_ text: String) -> String {
    let plain: Bool = !text.isEmpty && text.unicodeScalars.allSatisfy { $0.value > 0x20 && $0 != "\"" && $0 != "=" }
    return plain ? text : "\"\(oneLine(text).replacing("\"", with: "\\\""))\""
}
