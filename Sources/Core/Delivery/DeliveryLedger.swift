package import Declarations
package import Telemetry

/// What became of everything that an agent collected: acknowledged, dropped for a reason, or still waiting.
///
/// Kept in the spool, so it goes on where it was after a crash, and sent with every status, so that the server can
/// compare it with what it stored.
package struct DeliveryLedger: Hashable, Sendable {
    /// Why something will never be delivered.
    package enum Reason: String, CaseIterable, Sendable {
        /// No place in memory, and no spool to write it to.
        case queueFull
        /// The spool reached its size: the oldest gave way.
        case spoolFull
        /// It waited longer than the spool keeps anything.
        case tooOld
        /// The server stored the request but not this item: a time out of its window, a name that is none.
        case rejected
        /// The server refuses it, also alone.
        case refused
        /// The spool cannot be read there any more.
        case damaged
    }

    /// The three counts of one kind of item. Invariant: `collected` is the sum of the others and of what waits.
    package struct Tally: Hashable, Sendable {
        package var collected = 0
        package var acknowledged = 0
        package var dropped: [Reason: Int] = [:]

        package init() {}

        package var droppedInAll: Int { dropped.values.reduce(0, +) }
        /// What is neither acknowledged nor dropped.
        package var waiting: Int { collected - acknowledged - droppedInAll }

        package mutating func drop(_ count: Int, _ reason: Reason) {
            guard count != 0 else { return }
            dropped[reason, default: 0] += count
        }
    }

    /// Random: another number is another ledger, which began anew.
    package var id: String
    package var since: Timestamp
    package var samples = Tally()
    /// Samples that the server stored for the first time, by the hour of their own time: what it must hold of it. Only
    /// the last ``keptHours``.
    package var hours: [Int: Int] = [:]

    package static let keptHours = 26

    package init(id: String, since: Timestamp) {
        self.id = id
        self.since = since
    }

    /// Hours are counted since 1970 by their end; an hour holds its end and not its beginning, as ranges of PromQL do.
    package static func hour(of time: Timestamp) -> Int {
        let milliseconds: Int64 = time.milliseconds
        return Int(-((-milliseconds).quotientRoundedDown(by: 3_600_000)))
    }

    package static func end(ofHour hour: Int) -> Timestamp { Timestamp(milliseconds: Int64(hour) * 3_600_000) }

    package mutating func stored(_ count: Int, inHour hour: Int) {
        hours[hour, default: 0] += count
        while hours.count > Self.keptHours, let oldest = hours.keys.min() { hours[oldest] = nil }
    }
}

extension Int64 {
    fileprivate func quotientRoundedDown(by divisor: Int64) -> Int64 {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }
}

extension DeliveryLedger.Tally: JSONCodable {
    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        collected = try reader.integer("collected")
        acknowledged = try reader.integer("acknowledged")
        for (name, count) in json["dropped"]?.object ?? [:] {
            // A reason of a newer version is counted under the nearest that this one knows.
            let reason: DeliveryLedger.Reason = DeliveryLedger.Reason(rawValue: name) ?? .refused
            dropped[reason, default: 0] += count.integer ?? 0
        }
    }

    package var json: JSONValue {
        let dropped: [String: JSONValue] = Dictionary(
            uniqueKeysWithValues: self.dropped.map { ($0.key.rawValue, .integer($0.value)) })
        return [
            "collected": .integer(collected), "acknowledged": .integer(acknowledged), "dropped": .object(dropped),
        ]
    }
}

extension DeliveryLedger: JSONCodable {
    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        id = try reader.string("id")
        since = try reader.time("since")
        samples = try reader.value("samples")
        for (hour, count) in json["hours"]?.object ?? [:] {
            if let hour = Int(hour), let count = count.integer { hours[hour] = count }
        }
    }

    package var json: JSONValue {
        let hours: [String: JSONValue] = Dictionary(
            uniqueKeysWithValues: self.hours.map { ("\($0.key)", .integer($0.value)) })
        return ["id": .string(id), "since": .time(since), "samples": samples.json, "hours": .object(hours)]
    }
}
