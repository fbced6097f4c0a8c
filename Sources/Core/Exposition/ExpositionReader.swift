/// Reads a text of metrics line by line, without making a string of anything.
///
/// A line that makes no sense is left out and said; those around it are read. Comments, types and help are passed over:
/// a series has no type here.
package struct ExpositionReader: Sequence, IteratorProtocol {
    private let content: [UInt8]
    private let format: ExpositionFormat
    private var position = 0
    private var number = 0
    /// Whether `# EOF` was met.
    private var hasEnded = false

    package init(_ content: [UInt8], format: ExpositionFormat) {
        self.content = content
        self.format = format
    }

    /// The next line, or what is wrong with it; nil at the end.
    package mutating func next() -> Result<ExposedLine, ExpositionError>? {
        while position < content.count {
            number += 1
            let line: ArraySlice<UInt8> = nextLine()
            if hasEnded {
                hasEnded = false
                position = content.count
                return .failure(ExpositionError(line: number, "there is something behind # EOF"))
            }
            var scanner = LineScanner(line)
            scanner.skipBlanks()
            guard let first = scanner.peek else { continue }
            if first == UInt8(ascii: "#") {
                if format == .openMetrics, line.elementsEqual("# EOF".utf8) { hasEnded = true }
                continue
            }
            return scanner.exposed(number: number, format: format)
        }
        guard format == .openMetrics, !hasEnded else { return nil }
        hasEnded = true
        // Said once; the next call ends.
        return .failure(ExpositionError(line: nil, "the text is cut off: it does not end with # EOF"))
    }

    private mutating func nextLine() -> ArraySlice<UInt8> {
        let start: Int = position
        var end: Int = start
        while end < content.count, content[end] != UInt8(ascii: "\n") { end += 1 }
        position = end + 1
        // Some write the line ends of another system.
        if end > start, content[end - 1] == UInt8(ascii: "\r") { end -= 1 }
        return content[start..<end]
    }
}

/// A place in one line.
struct LineScanner {
    private let bytes: ArraySlice<UInt8>
    private(set) var position: Int

    init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        position = bytes.startIndex
    }

    var peek: UInt8? { position < bytes.endIndex ? bytes[position] : nil }

    mutating func skipBlanks() {
        while let byte = peek, byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") { position += 1 }
    }

    mutating func exposed(number: Int, format: ExpositionFormat) -> Result<ExposedLine, ExpositionError> {
        func failure(_ message: String) -> Result<ExposedLine, ExpositionError> {
            .failure(ExpositionError(line: number, message))
        }
        let start: Int = position
        while let byte = peek, byte != UInt8(ascii: "{"), byte != UInt8(ascii: " "), byte != UInt8(ascii: "\t") {
            position += 1
        }
        var end: Int = position
        // Blanks may stand between the name and its labels.
        skipBlanks()
        if peek == UInt8(ascii: "{") {
            guard skipLabels() else { return failure("the labels have no end") }
            end = position
        }
        guard end > start else { return failure("no name") }
        guard let value = exposedNumber(word()) else { return failure("no number behind the series") }
        let timestamp: ArraySlice<UInt8> = word()
        // OpenMetrics puts an exemplar behind a #.
        let isExemplar: Bool = format == .openMetrics && timestamp.first == UInt8(ascii: "#")
        if !timestamp.isEmpty, !isExemplar {
            guard exposedNumber(timestamp) != nil else { return failure("the timestamp is not a number") }
            let rest: ArraySlice<UInt8> = word()
            guard rest.isEmpty || (format == .openMetrics && rest.first == UInt8(ascii: "#")) else {
                return failure("there is something behind the timestamp")
            }
        }
        return .success(
            ExposedLine(
                series: bytes[start..<end], value: value, hasTimestamp: !timestamp.isEmpty && !isExemplar,
                number: number))
    }

    /// Over `{…}`; a brace within quotes is none.
    private mutating func skipLabels() -> Bool {
        var isQuoted = false
        while let byte = peek {
            position += 1
            switch byte {
            case UInt8(ascii: "\\") where isQuoted: if peek != nil { position += 1 }
            case UInt8(ascii: "\""): isQuoted.toggle()
            case UInt8(ascii: "}") where !isQuoted: return true
            default: break
            }
        }
        return false
    }

    private mutating func word() -> ArraySlice<UInt8> {
        skipBlanks()
        let start: Int = position
        while let byte = peek, byte != UInt8(ascii: " "), byte != UInt8(ascii: "\t") { position += 1 }
        return bytes[start..<position]
    }
}
