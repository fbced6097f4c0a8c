import Declarations
import Telemetry

/// A line of text. Its message is the whole line: what stands in the file can be found as it stands there.
enum PlainLine {
    static func parse(_ text: String, _ reader: ByteReader, _ clock: LineClock) -> ParsedLine {
        var reader: ByteReader = reader
        var parsed = ParsedLine(message: text)
        let prefix: LineTime.Prefix? = LineTime.prefix(of: reader, clock)
        if let found = prefix ?? LineTime.behindAWord(reader, clock) {
            parsed.time = found.time
            // A level may stand before the time too.
            if prefix != nil { reader.position = found.length }
        }
        if let program = ProgramTag(reader, isSyslog: prefix?.isSyslog == true) { parsed.fields = program.fields }
        parsed.level = level(in: reader.bytes[reader.position...], isTimed: prefix != nil)
        return parsed
    }

    /// Words that are looked at; a level stands near the beginning or nowhere.
    private static let wordsLookedAt = 6
    private static let bytesLookedAt = 300

    /// The level that the text names: in brackets or before a colon among the first words, in capitals among the first
    /// four, or as the first word behind a time.
    static func level(in text: ArraySlice<UInt8>, isTimed: Bool) -> LogLevel? {
        let text: ArraySlice<UInt8> = text.prefix(bytesLookedAt)
        var start: Int = text.startIndex
        var number = 0
        while start < text.endIndex, number < wordsLookedAt {
            var end: Int = start
            while end < text.endIndex, !isBetweenWords(text[end]) { end += 1 }
            if end > start {
                let word: ArraySlice<UInt8> = text[start..<end]
                if let level = marked(word) { return level }
                let isPlaced: Bool = (number < 4 && isCapital(word)) || (isTimed && number == 0)
                if isPlaced, let level = LogLevel(aliasBytes: word) { return level }
                number += 1
            }
            start = end + 1
        }
        return nil
    }

    private static func isBetweenWords(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "|") || byte == 0x0A
    }

    private static func isCapital(_ word: ArraySlice<UInt8>) -> Bool {
        word.allSatisfy { $0 < UInt8(ascii: "a") || $0 > UInt8(ascii: "z") }
    }

    /// `[error]`, `[core:error]`, `<warn>`, `(info)`, `ERROR:`, `level=warn`.
    private static func marked(_ word: ArraySlice<UInt8>) -> LogLevel? {
        guard let first = word.first, let last = word.last else { return nil }
        switch first {
        case UInt8(ascii: "["): return bracketed(word, until: UInt8(ascii: "]"))
        case UInt8(ascii: "<"): return bracketed(word, until: UInt8(ascii: ">"))
        case UInt8(ascii: "("): return bracketed(word, until: UInt8(ascii: ")"))
        default: break
        }
        if last == UInt8(ascii: ":") || last == UInt8(ascii: ",") { return LogLevel(aliasBytes: word.dropLast()) }
        guard first == UInt8(ascii: "l") || first == UInt8(ascii: "s"), let equals = word.firstIndex(of: 0x3D),
            ["level", "lvl", "severity"].contains(where: { word[..<equals].elementsEqual($0.utf8) })
        else { return nil }
        let value: ArraySlice<UInt8> = word[(equals + 1)...]
        return LogLevel(aliasBytes: value.filter { $0 != UInt8(ascii: "\"") })
    }

    private static func bracketed(_ word: ArraySlice<UInt8>, until close: UInt8) -> LogLevel? {
        let inner: ArraySlice<UInt8> = word.dropFirst().prefix { $0 != close }
        let colon: Int? = inner.lastIndex(of: UInt8(ascii: ":"))
        return LogLevel(aliasBytes: colon.map { inner[($0 + 1)...] } ?? inner)
    }
}

/// `web-1 sshd[1234]: `, which stands behind syslog's time. Without syslog's own form of time the process id is what
/// tells it from any other text.
struct ProgramTag {
    private let name: String
    private let process: String?

    init?(_ reader: ByteReader, isSyslog: Bool) {
        var reader: ByteReader = reader
        reader.skip(" ")
        guard let host = reader.word(), let first = host.first, Self.isNameByte(first) else { return nil }
        let start: Int = reader.position
        var bracket: Int?
        var position: Int = start
        while position < reader.bytes.count, position - start < 200 {
            let byte: UInt8 = reader.bytes[position]
            if byte == UInt8(ascii: " ") { return nil }
            if byte == UInt8(ascii: "["), bracket == nil { bracket = position }
            if byte == UInt8(ascii: ":"),
                position + 1 == reader.bytes.count || reader.bytes[position + 1] == UInt8(ascii: " ")
            {
                break
            }
            position += 1
        }
        guard position > start, position < reader.bytes.count, reader.bytes[position] == UInt8(ascii: ":") else {
            return nil
        }
        let tag: ArraySlice<UInt8> = reader.bytes[start..<position]
        if let bracket, tag.last == UInt8(ascii: "]") {
            let digits: ArraySlice<UInt8> = reader.bytes[(bracket + 1)..<(position - 1)]
            guard bracket > start, !digits.isEmpty, digits.allSatisfy({ $0 &- 48 <= 9 }) else { return nil }
            name = String(decoding: reader.bytes[start..<bracket], as: UTF8.self)
            process = String(decoding: digits, as: UTF8.self)
            return
        }
        guard isSyslog else { return nil }
        name = String(decoding: tag, as: UTF8.self)
        process = nil
    }

    var fields: LineFields {
        process.map { ["program": .string(name), "pid": .string($0)] } ?? ["program": .string(name)]
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: byte >= 0x80
        }
    }
}
