import Declarations
import Telemetry

/// A line of text. Its message is the whole line: what stands in the file can be found as it stands there.
enum PlainLine {
    static func parse(_ text: String, _ clock: LineClock) -> ParsedLine {
        var parsed = ParsedLine(message: text)
        var rest: Substring = text[...]
        let prefix: LineTime.Prefix? = LineTime.prefix(of: text, clock)
        if let prefix {
            parsed.time = prefix.time
            rest = Substring(String(decoding: text.utf8.dropFirst(prefix.length).prefix(400), as: UTF8.self))
        } else {
            parsed.time = LineTime.accessLogTime(in: text)
        }
        if let program = program(rest, isSyslog: prefix?.isSyslog == true) {
            parsed.fields["program"] = .string(program.name)
            if let process = program.process { parsed.fields["pid"] = .string(process) }
        }
        parsed.level = level(in: rest, isTimed: prefix != nil)
        return parsed
    }

    /// `web-1 sshd[1234]: ` behind syslog's time. Without syslog's own form of time the process id is what tells it
    /// from any other text.
    private static func program(_ rest: Substring, isSyslog: Bool) -> (name: String, process: String?)? {
        let words: [Substring] = rest.prefix(200).split(separator: " ", maxSplits: 2)
        guard words.count >= 2, words[1].hasSuffix(":"), words[0].first?.isPunctuation == false else { return nil }
        let tag: Substring = words[1].dropLast()
        if let bracket = tag.firstIndex(of: "["), tag.hasSuffix("]") {
            let process: Substring = tag[tag.index(after: bracket)...].dropLast()
            guard bracket > tag.startIndex, !process.isEmpty, process.allSatisfy(\.isNumber) else { return nil }
            return (String(tag[..<bracket]), String(process))
        }
        guard isSyslog, !tag.isEmpty else { return nil }
        return (String(tag), nil)
    }

    /// Words that are looked at; a level stands near the beginning or nowhere.
    private static let wordsLookedAt = 6

    /// The level that the text names: in brackets or before a colon among the first words, in capitals among the first
    /// four, or as the first word behind a time.
    private static func level(in text: Substring, isTimed: Bool) -> LogLevel? {
        if let level = klog(text) { return level }
        let words: [Substring] = text.prefix(300).split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == "|" })
        for (number, word) in words.prefix(wordsLookedAt).enumerated() {
            if let level = marked(word) { return level }
            let isCapital: Bool = word.utf8.allSatisfy { $0 < UInt8(ascii: "a") || $0 > UInt8(ascii: "z") }
            let isPlaced: Bool = (isCapital && number < 4) || (isTimed && number == 0)
            if isPlaced, let level = LogLevel(alias: word) { return level }
        }
        return nil
    }

    /// `[error]`, `[core:error]`, `<warn>`, `(info)`, `ERROR:`, `level=warn`.
    private static func marked(_ word: Substring) -> LogLevel? {
        let pairs: [(Character, Character)] = [("[", "]"), ("<", ">"), ("(", ")")]
        for (open, close) in pairs where word.first == open {
            let inner: Substring = word.dropFirst().prefix { $0 != close }
            let last: Substring = inner.split(separator: ":").last ?? inner
            return LogLevel(alias: last)
        }
        if word.hasSuffix(":") || word.hasSuffix(",") { return LogLevel(alias: word.dropLast()) }
        for key in ["level=", "lvl=", "severity="] where word.hasPrefix(key) {
            return LogLevel(alias: word.dropFirst(key.count).filter { $0 != "\"" })
        }
        return nil
    }

    /// `E1121 03:09:42.123456 …`, of Go's klog and glog.
    private static func klog(_ text: Substring) -> LogLevel? {
        let head: [UInt8] = Array(text.utf8.prefix(6))
        guard head.count == 6, head[5] == UInt8(ascii: " "), head[1...4].allSatisfy({ (48...57).contains($0) }) else {
            return nil
        }
        switch head[0] {
        case UInt8(ascii: "I"): return .info
        case UInt8(ascii: "W"): return .warn
        case UInt8(ascii: "E"), UInt8(ascii: "F"): return .error
        default: return nil
        }
    }
}
