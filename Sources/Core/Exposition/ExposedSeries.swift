package import Telemetry

/// Name and labels of an exposed line, taken apart.
package enum ExposedSeries {
    /// Reads `name{label="value",…}`, or `{"name",label="value"}` with a name that is no identifier.
    package static func parse(_ bytes: ArraySlice<UInt8>) throws(ExpositionError) -> Series {
        var parser = SeriesParser(bytes)
        return try parser.series()
    }
}

private struct SeriesParser {
    private let bytes: ArraySlice<UInt8>
    private var position: Int

    init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        position = bytes.startIndex
    }

    private var peek: UInt8? { position < bytes.endIndex ? bytes[position] : nil }

    private func failure(_ message: String) -> ExpositionError { ExpositionError(line: nil, message) }

    mutating func series() throws(ExpositionError) -> Series {
        var name: String = identifier(allowingColon: true)
        skipBlanks()
        var labels: [String: String] = [:]
        if peek == UInt8(ascii: "{") {
            position += 1
            try readLabels(into: &labels, name: &name)
        }
        skipBlanks()
        guard position == bytes.endIndex else { throw failure("the name is malformed") }
        guard !name.isEmpty else { throw failure("there is no name") }
        guard name.utf8.count <= Limits.nameLength else {
            throw failure("the name is longer than \(Limits.nameLength) bytes")
        }
        guard labels.count <= Limits.labelsPerSeries else {
            throw failure("there are more than \(Limits.labelsPerSeries) labels")
        }
        return Series(name, Labels(labels))
    }

    private mutating func readLabels(
        into labels: inout [String: String], name: inout String
    ) throws(ExpositionError) {
        while true {
            skipBlanks()
            if peek == UInt8(ascii: "}") {
                position += 1
                return
            }
            if peek == UInt8(ascii: "\"") {
                let quoted: String = try quotedText()
                skipBlanks()
                if peek == UInt8(ascii: "=") {
                    try readValue(of: quoted, into: &labels)
                } else if name.isEmpty {
                    name = quoted
                } else {
                    throw failure("there are two names")
                }
            } else {
                let label: String = identifier(allowingColon: false)
                guard !label.isEmpty else { throw failure("expected the name of a label") }
                skipBlanks()
                guard peek == UInt8(ascii: "=") else { throw failure("expected = behind the label \"\(label)\"") }
                try readValue(of: label, into: &labels)
            }
            skipBlanks()
            if peek == UInt8(ascii: ",") {
                position += 1
            } else if peek != UInt8(ascii: "}") {
                throw failure("expected , or } behind a label")
            }
        }
    }

    private mutating func readValue(of label: String, into labels: inout [String: String]) throws(ExpositionError) {
        position += 1
        skipBlanks()
        let value: String = try quotedText()
        guard label.utf8.count <= Limits.labelNameLength else {
            throw failure("the name of a label is longer than \(Limits.labelNameLength) bytes")
        }
        guard value.utf8.count <= Limits.labelValueLength else {
            throw failure("the value of \"\(label)\" is longer than \(Limits.labelValueLength) bytes")
        }
        guard labels.updateValue(value, forKey: label) == nil else {
            throw failure("the label \"\(label)\" is there twice")
        }
    }

    private mutating func quotedText() throws(ExpositionError) -> String {
        guard peek == UInt8(ascii: "\"") else { throw failure("expected a text in quotes") }
        position += 1
        var value: [UInt8] = []
        while let byte = peek {
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: value, as: UTF8.self) else { throw failure("it is not UTF-8") }
                return text
            case UInt8(ascii: "\\"):
                guard let next = peek else { throw failure("a text has no end") }
                position += 1
                switch next {
                case UInt8(ascii: "n"): value.append(UInt8(ascii: "\n"))
                case UInt8(ascii: "\\"), UInt8(ascii: "\""): value.append(next)
                // Anything else stands as it is, as in Prometheus.
                default: value += [byte, next]
                }
            default: value.append(byte)
            }
        }
        throw failure("a text has no end")
    }

    private mutating func identifier(allowingColon: Bool) -> String {
        let start: Int = position
        while let byte = peek, isIdentifier(byte, isFirst: position == start, allowingColon: allowingColon) {
            position += 1
        }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    private func isIdentifier(_ byte: UInt8, isFirst: Bool, allowingColon: Bool) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"): !isFirst
        case UInt8(ascii: ":"): allowingColon
        default: false
        }
    }

    private mutating func skipBlanks() {
        while let byte = peek, byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") { position += 1 }
    }
}
