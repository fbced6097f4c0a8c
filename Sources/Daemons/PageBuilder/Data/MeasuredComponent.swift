package import Declarations
package import Telemetry

/// How a component is, or was at one instant.
package enum ComponentState: String, CaseIterable, Hashable, Sendable {
    case up, partly, down, unknown
}

/// A component with what was measured of it.
package struct MeasuredComponent: Hashable, Sendable {
    package var name: String
    package var description: String?
    package var group: String?
    package var state: ComponentState
    /// The days of which anything was measured, oldest first.
    package var days: [DayTally]
    /// When that was; nil where its query was never answered.
    package var measuredAt: Timestamp?

    package init(
        name: String, description: String? = nil, group: String? = nil, state: ComponentState, days: [DayTally] = [],
        measuredAt: Timestamp? = nil
    ) {
        self.name = name
        self.description = description
        self.group = group
        self.state = state
        self.days = days
        self.measuredAt = measuredAt
    }

    /// The share of measured instants at which it was wholly up, 0 to 1; nil where nothing was measured.
    package var uptime: Double? {
        let measured: Int = days.reduce(0) { $0 + $1.measured }
        return measured == 0 ? nil : Double(days.reduce(0) { $0 + $1.up }) / Double(measured)
    }
}

/// One day (UTC) of a component: at how many of its instants it was what.
package struct DayTally: Hashable, Sendable {
    /// Midnight, when the day begins.
    package var day: Timestamp
    package var up: Int
    package var partly: Int
    package var down: Int
    package var unknown: Int

    package init(day: Timestamp, up: Int = 0, partly: Int = 0, down: Int = 0, unknown: Int = 0) {
        self.day = day
        self.up = up
        self.partly = partly
        self.down = down
        self.unknown = unknown
    }

    /// The instants of which something is known.
    package var measured: Int { up + partly + down }
    package var isEmpty: Bool { measured + unknown == 0 }
    package var uptime: Double? { measured == 0 ? nil : Double(up) / Double(measured) }

    package mutating func count(_ state: ComponentState) {
        switch state {
        case .up: up += 1
        case .partly: partly += 1
        case .down: down += 1
        case .unknown: unknown += 1
        }
    }
}

extension MeasuredComponent: JSONCodable {
    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        self.init(
            name: try reader.string("name"), description: try reader.optionalString("description"),
            group: try reader.optionalString("group"), state: try reader.choice("state"),
            days: try reader.list("days"), measuredAt: try reader.optionalTime("measuredAt"))
    }

    package var json: JSONValue {
        .object(compacting: [
            "name": .string(name), "measuredAt": measuredAt.map(JSONValue.time),
            "description": description.map(JSONValue.string),
            "group": group.map(JSONValue.string), "state": .string(state.rawValue), "days": days.json,
            // To six digits, which is finer than any page shows and the same on every machine.
            "uptime": uptime.map { .number(($0 * 1_000_000).rounded() / 1_000_000) },
        ])
    }
}

extension DayTally: JSONCodable {
    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        let text: String = try reader.string("day")
        guard let day = Timestamp(rfc3339: text + "T00:00:00Z") else { throw reader.error("day", "expected a date") }
        self.init(
            day: day, up: try reader.integer("up"), partly: try reader.integer("partly"),
            down: try reader.integer("down"), unknown: try reader.integer("unknown"))
    }

    package var json: JSONValue {
        [
            "day": .string(String(day.rfc3339.prefix(10))), "up": .integer(up), "partly": .integer(partly),
            "down": .integer(down), "unknown": .integer(unknown),
        ]
    }
}
