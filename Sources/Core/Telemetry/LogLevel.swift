/// How serious a log line is. Four levels are enough to search by; what a program calls its own is kept beside.
package enum LogLevel: String, CaseIterable, Hashable, Comparable, Sendable {
    case debug, info, warn, error

    package static func < (left: LogLevel, right: LogLevel) -> Bool { left.rank < right.rank }

    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }

    /// Reads what programs call their levels, in any case: `err`, `CRITICAL`, `fatal` and `panic` are errors, `warning`
    /// is `warn`, `notice` is `info`, `trace` is `debug`. Nil where the word is no level.
    package init?(alias word: some StringProtocol) { self.init(aliasBytes: word.utf8) }

    /// The same of a word's bytes. It is asked several times for each line, so it makes no text.
    package init?(aliasBytes word: some Collection<UInt8>) {
        guard let key = WordKey(word), let level = Self.aliases[key] else { return nil }
        self = level
    }

    /// A short word in lower case, as two numbers.
    private struct WordKey: Hashable, Sendable {
        private var first: UInt64 = 0
        private var second: UInt64 = 0

        /// Nil for what is longer than any level, or has other characters than letters and digits.
        init?(_ word: some Collection<UInt8>) {
            var count = 0
            for byte in word {
                let lower: UInt8
                switch byte {
                case UInt8(ascii: "A")...UInt8(ascii: "Z"): lower = byte | 0x20
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): lower = byte
                default: return nil
                }
                guard count < 13 else { return nil }
                if count < 8 { first = first << 8 | UInt64(lower) } else { second = second << 8 | UInt64(lower) }
                count += 1
            }
            guard count > 2 else { return nil }
        }
    }

    private static let aliases: [WordKey: LogLevel] = {
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
        let pairs: [(WordKey, LogLevel)] = words.flatMap { level, names in
            names.compactMap { name in WordKey(name.utf8).map { ($0, level) } }
        }
        return Dictionary(uniqueKeysWithValues: pairs)
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
