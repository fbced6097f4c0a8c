/// How serious a log line is. Four levels are enough to search by; what a program calls its own is kept beside.
package enum LogLevel: String, CaseIterable, Hashable, Comparable, Sendable {
    case debug, info, warn, error

    package static func < (left: LogLevel, right: LogLevel) -> Bool { left.rank < right.rank }

    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }

    /// Reads what programs call their levels, in any case: `err`, `CRITICAL`, `fatal` and `panic` are errors, `warning`
    /// is `warn`, `notice` is `info`, `trace` is `debug`. Nil where the word is no level.
    package init?(alias word: some StringProtocol) {
        guard word.utf8.count <= 13, let level = Self.aliases[word.lowercased()] else { return nil }
        self = level
    }

    private static let aliases: [String: LogLevel] = {
        let words: [(LogLevel, [String])] = [
            (.debug, ["debug", "debug1", "debug2", "debug3", "dbg", "trace", "verbose", "fine", "finer", "finest"]),
            (.info, ["info", "information", "informational", "notice", "log", "statement"]),
            (.warn, ["warn", "warning", "wrn"]),
            (
                .error,
                [
                    "error", "err", "critical", "crit", "fatal", "panic", "alert", "emerg", "emergency", "severe",
                    "failure", "dpanic",
                ]
            ),
        ]
        return Dictionary(uniqueKeysWithValues: words.flatMap { level, names in names.map { ($0, level) } })
    }()

    /// Reads a level that is a number: syslog's severities (0 to 7, 0 the worst), or the tens of bunyan and pino (10
    /// trace … 60 fatal). Nil for all others.
    package init?(number: Double) {
        switch number {
        case 0...3: self = .error
        case 4: self = .warn
        case 5...6: self = .info
        case 7: self = .debug
        case 10, 20: self = .debug
        case 30: self = .info
        case 40: self = .warn
        case 50, 60: self = .error
        default: return nil
        }
    }
}
