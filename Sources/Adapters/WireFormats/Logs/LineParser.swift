package import Declarations
package import Telemetry

/// What a line's text says of itself. What is nil it does not say.
package struct ParsedLine: Hashable, Sendable {
    package var time: Timestamp?
    package var level: LogLevel?
    package var message: String
    package var fields: LineFields

    package init(
        time: Timestamp? = nil, level: LogLevel? = nil, message: String, fields: LineFields = [:]
    ) {
        self.time = time
        self.level = level
        self.message = message
        self.fields = fields
    }
}

/// What is needed to understand a time without a year or a zone.
package struct LineClock: Sendable {
    /// When the line was read.
    package var now: Timestamp
    /// Seconds east of Greenwich of the host's own zone, at a local time that is given as if it were UTC.
    package var localOffset: @Sendable (_ local: Timestamp) -> Int64

    package init(now: Timestamp, localOffset: @escaping @Sendable (Timestamp) -> Int64 = { _ in 0 }) {
        self.now = now
        self.localOffset = localOffset
    }

    /// The instant of a local time that is given as if it were UTC.
    func instant(local: Timestamp) -> Timestamp {
        Timestamp(microseconds: local.microseconds - localOffset(local) * 1_000_000)
    }
}

/// Understands lines: JSON objects, logfmt, syslog, access logs, klog, or text that begins with a time and names a level
/// somewhere near its beginning. A line that is not of the form asked for is plain text: nothing is ever refused.
package struct LineParser: Sendable {
    private let form: LogSourceSpec.Parser

    package init(_ form: LogSourceSpec.Parser) { self.form = form }

    /// `text` is one line without its line end. A NUL character in it must have been replaced before.
    package func parse(_ text: String, _ clock: LineClock) -> ParsedLine {
        let reader = ByteReader(text)
        let structured: ParsedLine? =
            switch form {
            case .json: JSONLine.parse(text, clock)
            case .logfmt: LogfmtLine.parse(text, clock, leastPairs: 1)
            case .syslog: SyslogLine.parse(text, reader, clock)
            case .access: AccessLine.parse(text, reader)
            case .klog: KlogLine.parse(text, reader, clock)
            case .plain: nil
            case .auto: recognised(text, reader, clock)
            }
        return structured ?? PlainLine.parse(text, reader, clock)
    }

    /// By the first characters, which tell most forms apart without a second look.
    private func recognised(_ text: String, _ reader: ByteReader, _ clock: LineClock) -> ParsedLine? {
        switch reader.peek() {
        case nil: return nil
        case UInt8(ascii: "{")?: return JSONLine.parse(text, clock)
        case UInt8(ascii: "<")?: return SyslogLine.parse(text, reader, clock)
        default: break
        }
        if let klog = KlogLine.parse(text, reader, clock) { return klog }
        if reader.beginsWithPair { return LogfmtLine.parse(text, clock, leastPairs: 2) }
        return AccessLine.parse(text, reader)
    }
}

/// Which members of a structured line are its time, level and message, in order of preference.
enum LineKeys {
    static let time = ["time", "timestamp", "@timestamp", "ts", "t", "datetime", "date"]
    static let level = ["level", "severity", "lvl", "loglevel", "log.level", "levelname", "priority", "PRIORITY"]
    static let message = ["msg", "message", "MESSAGE", "event", "error"]
}
