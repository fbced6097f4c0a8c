import Declarations
import HostSystem
import Telemetry
import WireFormats

/// Turns raw lines of one file into what is sent of them.
struct LineReading: Sendable {
    private let parser: LineParser
    /// The time of the last line that had one, while lines are read in one go: a traceback belongs to the line above it.
    private(set) var lastTime: Timestamp?

    struct Counts: Hashable, Sendable {
        var cut = 0
        var repaired = 0
    }

    /// How far ahead of the clock a line's time is believed. Nothing is written in the future: further ahead the zone is
    /// another than the host's, and the time of reading is nearer to the truth.
    static let believedFuture = PromDuration.minutes(5)

    init(_ form: LogSourceSpec.Parser, lastTime: Timestamp?) {
        parser = LineParser(form)
        self.lastTime = lastTime
    }

    mutating func placed(
        _ raw: RawLine, now: Timestamp, counts: inout Counts
    ) -> LogStreamBatch.PlacedLine {
        let (text, isRepaired): (String, Bool) = raw.text
        var parsed: ParsedLine = parser.parse(text, LineClock(now: now, localOffset: LocalZone.offset(at:)))
        if let wrapper = raw.wrapper {
            parsed.fields["stream"] = .string(wrapper.stream)
            // The runtime knows when it was written; what the program says is its own affair, and often without a zone.
            parsed.time = wrapper.time ?? parsed.time
        }
        return placed(parsed, text, raw, isRepaired: isRepaired, now: now, counts: &counts)
    }

    /// An entry of the journal, whose own time, priority and names go before what its message says; nil where it says
    /// nothing.
    mutating func placed(
        _ entry: JournalEntry, longest: Int, now: Timestamp, counts: inout Counts
    ) -> LogStreamBatch.PlacedLine? {
        let (kept, isCut) = LineSplitting.cut(entry.message[...], longest: longest)
        let raw = RawLine(place: entry.number, bytes: Array(kept), isCut: isCut)
        guard raw.bytes.contains(where: { $0 > 0x20 }) else { return nil }
        let (text, isRepaired): (String, Bool) = raw.text
        var parsed: ParsedLine = parser.parse(text, LineClock(now: now, localOffset: LocalZone.offset(at:)))
        parsed.time = entry.time
        // What a service writes to its output has this priority, whatever it says.
        if let priority = entry.priority, priority != 6 || parsed.level == nil {
            parsed.level = LogLevel(number: Double(priority)) ?? parsed.level
        }
        let names: [(String, String?)] = [
            ("program", entry.program), ("pid", entry.process), ("unit", entry.unit), ("container", entry.container),
        ]
        for case (let name, let value?) in names { parsed.fields[name] = parsed.fields[name] ?? .string(value) }
        return placed(parsed, text, raw, isRepaired: isRepaired, now: now, counts: &counts)
    }

    private mutating func placed(
        _ parsed: ParsedLine, _ text: String, _ raw: RawLine, isRepaired: Bool, now: Timestamp, counts: inout Counts
    ) -> LogStreamBatch.PlacedLine {
        var parsed: ParsedLine = parsed
        if raw.isCut {
            counts.cut += 1
            parsed.fields["truncated"] = .bool(true)
        }
        if isRepaired { counts.repaired += 1 }
        let time: Timestamp = time(of: parsed, now: now)
        var fields: String = parsed.fields.isEmpty ? LogLine.noFields : parsed.fields.text
        // Small texts can have large forms; the message says it all in any case.
        if fields.utf8.count > Limits.logFieldsBytes {
            fields = LogLine.noFields
            parsed.message = text
        }
        return LogStreamBatch.PlacedLine(
            place: raw.place,
            line: LogLine(time: time, level: parsed.level ?? .info, message: parsed.message, fields: fields))
    }

    private mutating func time(of parsed: ParsedLine, now: Timestamp) -> Timestamp {
        guard let said = parsed.time else { return lastTime ?? now }
        let time: Timestamp = said > now + Self.believedFuture ? now : said
        lastTime = time
        return time
    }
}
