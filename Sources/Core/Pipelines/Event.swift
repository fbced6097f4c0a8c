package import Declarations
package import Telemetry

/// What an application says has happened.
package struct Event: Hashable, Sendable {
    package var time: Timestamp
    /// Who says so: a site, an application.
    package var source: String
    package var type: String
    /// The source's own name for it; an event is stored once per source and this.
    package var sourceID: String
    package var host: String?
    /// An object.
    package var payload: JSONValue
    /// An object.
    package var meta: JSONValue

    package init(
        time: Timestamp, source: String, type: String, sourceID: String, host: String? = nil,
        payload: JSONValue = [:], meta: JSONValue = [:]
    ) {
        self.time = time
        self.source = source
        self.type = type
        self.sourceID = sourceID
        self.host = host
        self.payload = payload
        self.meta = meta
    }

    /// Characters of source, type and host.
    package static let longestName = 200
    /// Bytes of a source's id: it is part of an index.
    package static let longestID = 1024
    /// An event before that is a mistake; older documents of real systems are welcome.
    package static let earliest = Timestamp(milliseconds: 946_684_800_000)
    /// How far ahead of our clock an event may be.
    package static let mostAhead = PromDuration.days(1)

    /// Why it cannot be stored; nil where it can. `now` is the time at which it came.
    package func objection(now: Timestamp) -> String? {
        guard time >= Self.earliest else { return "time: \(time) is before \(Self.earliest)" }
        guard time <= now + Self.mostAhead else { return "time: \(time) is more than \(Self.mostAhead) ahead" }
        for (name, text) in [("source", source), ("type", type)] + (host.map { [("host", $0)] } ?? []) {
            if let objection = Self.objection(toName: text) { return "\(name): \(objection)" }
        }
        guard (1...Self.longestID).contains(sourceID.utf8.count) else {
            return "id: expected 1 to \(Self.longestID) bytes, there are \(sourceID.utf8.count)"
        }
        guard !sourceID.utf8.contains(0) else { return "id: contains a NUL character" }
        guard case .object = payload else { return "payload: expected an object" }
        guard case .object = meta else { return "meta: expected an object" }
        return nil
    }

    private static func objection(toName text: String) -> String? {
        guard !text.isEmpty else { return "is empty" }
        guard text.unicodeScalars.count <= longestName else {
            return "expected at most \(longestName) characters, there are \(text.unicodeScalars.count)"
        }
        guard !text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else { return "contains control characters" }
        return nil
    }
}
