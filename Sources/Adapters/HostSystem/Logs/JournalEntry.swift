package import Declarations
package import Telemetry

/// One entry of the journal, as `journalctl --output=json` writes it.
package struct JournalEntry: Hashable, Sendable {
    /// Where it is, for journalctl.
    package var cursor: String
    /// Which journal it is of.
    package var journal: String
    /// Its number there: the numbers of one journal only grow.
    package var number: Int
    package var time: Timestamp
    package var message: [UInt8]
    /// systemd's: 0 the worst, 7 for debugging.
    package var priority: Int?
    package var unit: String?
    package var program: String?
    package var process: String?
    package var container: String?
    package var isKernel: Bool

    /// Nil for a line that is no entry.
    package init?(_ line: [UInt8]) {
        guard line.first == UInt8(ascii: "{"), let json = try? JSONValue(parsing: line),
            let cursor = json["__CURSOR"]?.string, let sequence = Self.sequence(cursor),
            let time = Self.text(json["__REALTIME_TIMESTAMP"]).flatMap({ Int64($0) })
        else { return nil }
        self.cursor = cursor
        (journal, number) = sequence
        self.time = Timestamp(microseconds: time)
        message = Self.bytes(json["MESSAGE"])
        priority = Self.text(json["PRIORITY"]).flatMap { Int($0) }
        isKernel = Self.text(json["_TRANSPORT"]) == "kernel"
        // What systemd says of a unit belongs to that unit.
        unit = Self.text(json["UNIT"]) ?? Self.text(json["_SYSTEMD_UNIT"])
        program = Self.text(json["SYSLOG_IDENTIFIER"]) ?? Self.text(json["_COMM"])
        process = Self.text(json["_PID"])
        container = Self.text(json["CONTAINER_NAME"])
    }

    /// `s=…;i=1ab;b=…`: the journal's id and the number, in hex.
    private static func sequence(_ cursor: String) -> (String, Int)? {
        var id: String?
        var number: Int?
        for part in cursor.split(separator: ";") {
            if part.hasPrefix("s=") { id = String(part.dropFirst(2)) }
            if part.hasPrefix("i=") { number = Int(part.dropFirst(2), radix: 16) }
        }
        guard let id, let number, number >= 0 else { return nil }
        return (id, number)
    }

    /// The text of a field; of a field that is there several times the first.
    private static func text(_ value: JSONValue?) -> String? {
        guard let value else { return nil }
        if let text = value.string { return text }
        return value.array?.first?.string
    }

    /// The bytes of a field: journalctl writes what is no text as a list of numbers.
    private static func bytes(_ value: JSONValue?) -> [UInt8] {
        if let text = text(value) { return Array(text.utf8) }
        let items: [JSONValue] = value?.array ?? []
        if let first = items.first, first.array != nil { return bytes(first) }
        return items.compactMap { $0.integer.flatMap { UInt8(exactly: $0) } }
    }
}

extension JournalEntry {
    /// Whether one of `units` names it. Entries without a unit, as the kernel's, are named by `*` alone.
    package func isOf(_ units: [Glob]) -> Bool { units.contains { $0.matches(unit ?? "") } }
}
