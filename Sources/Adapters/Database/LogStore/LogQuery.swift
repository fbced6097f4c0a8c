import Declarations
package import Telemetry

/// Which lines a search is for. What is nil is not asked for.
package struct LogQuery: Hashable, Sendable {
    package var host: String?
    package var source: String?
    /// A path, or a pattern in which `*` stands for any characters.
    package var path: String?
    /// This level and all that are worse.
    package var level: LogLevel?
    /// A part of the message, in upper or lower case; `%`, `_` and `\` mean themselves.
    package var text: String?
    /// Labels that a line must have, all of them.
    package var labels: [String: String] = [:]
    /// Included.
    package var from: Timestamp?
    /// Not included.
    package var to: Timestamp?
    package var direction = Direction.backward
    /// Lines behind this one in the direction of the search.
    package var after: Place?
    package var limit = 100

    package enum Direction: String, CaseIterable, Sendable {
        /// The newest first.
        case backward
        case forward
    }

    /// A line's key.
    package struct Place: Hashable, Comparable, Sendable {
        package var time: Timestamp
        package var id: Int

        package init(time: Timestamp, id: Int) {
            self.time = time
            self.id = id
        }

        package static func < (left: Place, right: Place) -> Bool {
            left.time != right.time ? left.time < right.time : left.id < right.id
        }
    }

    package init() {}
}

/// A line that was found.
package struct StoredLogLine: Hashable, Sendable {
    package var place: LogQuery.Place
    package var receivedAt: Timestamp
    package var host: String
    package var origin: LogOrigin
    package var line: LogLine

    package init(place: LogQuery.Place, receivedAt: Timestamp, host: String, origin: LogOrigin, line: LogLine) {
        self.place = place
        self.receivedAt = receivedAt
        self.host = host
        self.origin = origin
        self.line = line
    }
}

extension LogQuery {
    /// Conditions and parameters over one partition.
    var filter: (conditions: [String], parameters: [SQLValue]) {
        var conditions: [String] = []
        var parameters: [SQLValue] = []
        func add(_ condition: (String) -> String, _ parameter: SQLValue) {
            parameters.append(parameter)
            conditions.append(condition("$\(parameters.count)"))
        }
        if let from { add({ "time >= \($0)::timestamptz" }, .time(from)) }
        if let to { add({ "time < \($0)::timestamptz" }, .time(to)) }
        if let host { add({ "host = \($0)" }, .text(host)) }
        if let source { add({ "source = \($0)" }, .text(source)) }
        if let path {
            path.utf8.contains(UInt8(ascii: "*"))
                ? add({ "path LIKE \($0)" }, .text(Self.pattern(path, star: "%")))
                : add({ "path = \($0)" }, .text(path))
        }
        if let text, !text.isEmpty { add({ "message ILIKE \($0)" }, .text("%" + Self.pattern(text) + "%")) }
        if !labels.isEmpty { add({ "labels @> \($0)::jsonb" }, .text(labels.json.canonicalText)) }
        // Words of a closed list, written out so that the index of errors can be used.
        if let level, level > .debug {
            let words: String = LogLevel.allCases.filter { $0 >= level }.map { "'\($0.rawValue)'" }.joined(
                separator: ", ")
            conditions.append(level == .error ? "level = 'error'" : "level IN (\(words))")
        }
        if let after {
            parameters += [.time(after.time), .integer(after.id)]
            let sign = direction == .backward ? "<" : ">"
            conditions.append(
                "(time, id) \(sign) ($\(parameters.count - 1)::timestamptz, $\(parameters.count)::bigint)")
        }
        return (conditions, parameters)
    }

    /// A text as part of a pattern of LIKE: its own `%`, `_` and `\` mean themselves, and each `*` is `star`.
    static func pattern(_ text: String, star: String = "*") -> String {
        var pattern = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "%", "_", "\\": pattern += "\\\(scalar)"
            case "*": pattern += star
            default: pattern.unicodeScalars.append(scalar)
            }
        }
        return pattern
    }
}
