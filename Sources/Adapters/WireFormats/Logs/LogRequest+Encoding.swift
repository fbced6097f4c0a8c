import Declarations
package import Telemetry

extension LogRequest {
    /// The body that carries runs of lines of one host.
    ///
    /// Written straight into bytes: a tree of values for each line would cost several times what reading it does.
    package static func body(host: String, streams: [LogStreamBatch]) -> [UInt8] {
        var writer = LogBodyWriter()
        writer.write(host: host, streams: streams)
        return writer.bytes
    }
}

private struct LogBodyWriter {
    var bytes: [UInt8] = []
    /// Lines that follow one another are mostly of one second.
    private var second: Int64?
    private var secondText: [UInt8] = []

    mutating func write(host: String, streams: [LogStreamBatch]) {
        let texts: Int = streams.reduce(0) { sum, batch in
            batch.lines.reduce(sum) {
                $0 + ($1.line?.message.utf8.count ?? 0) + ($1.line?.fields.utf8.count ?? 0) + 100
            }
        }
        bytes.reserveCapacity(texts + texts / 8 + 1000)
        raw("{\"host\":")
        text(host)
        raw(",\"streams\":[")
        for (number, batch) in streams.enumerated() {
            if number > 0 { raw(",") }
            write(batch)
        }
        raw("]}")
    }

    private mutating func write(_ batch: LogStreamBatch) {
        raw("{\"stream\":")
        text(batch.stream)
        raw(",\"source\":")
        text(batch.origin.source)
        raw(",\"path\":")
        text(batch.origin.path)
        if !batch.origin.labels.isEmpty {
            raw(",\"labels\":")
            bytes += batch.origin.labels.dictionary.json.canonical
        }
        raw(",\"end\":\(batch.end),\"lines\":[")
        for (number, placed) in batch.lines.enumerated() {
            if number > 0 { raw(",") }
            write(placed)
        }
        raw("]}")
    }

    private mutating func write(_ placed: LogStreamBatch.PlacedLine) {
        raw("{\"place\":")
        raw(String(placed.place))
        if let line = placed.line {
            raw(",\"time\":\"")
            time(line.time)
            raw("\",\"level\":\"")
            raw(line.level.rawValue)
            raw("\",\"message\":")
            text(line.message)
            // They are a text of JSON already.
            if line.fields != LogLine.noFields {
                raw(",\"fields\":")
                raw(line.fields)
            }
        }
        raw("}")
    }

    private mutating func raw(_ text: String) { bytes += text.utf8 }

    /// RFC 3339, in UTC, with microseconds.
    private mutating func time(_ time: Timestamp) {
        var whole: Int64 = time.microseconds / 1_000_000
        if time.microseconds < whole * 1_000_000 { whole -= 1 }
        if second != whole {
            second = whole
            secondText = Array(Timestamp(microseconds: whole * 1_000_000).rfc3339.utf8.dropLast())
        }
        bytes += secondText
        var fraction: Int64 = time.microseconds - whole * 1_000_000
        if fraction != 0 {
            bytes.append(UInt8(ascii: "."))
            var unit: Int64 = 100_000
            while unit > 0 {
                bytes.append(UInt8(ascii: "0") + UInt8(fraction / unit))
                fraction %= unit
                unit /= 10
            }
        }
        bytes.append(UInt8(ascii: "Z"))
    }

    private static let hexadecimal: [UInt8] = Array("0123456789abcdef".utf8)

    /// A JSON text. Runs without anything to escape, which are nearly all, go over at once.
    private mutating func text(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        var text: String = text
        text.withUTF8 { buffer in
            var start = 0
            for position in 0..<buffer.count {
                let byte: UInt8 = buffer[position]
                guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else { continue }
                bytes.append(contentsOf: buffer[start..<position])
                start = position + 1
                bytes.append(UInt8(ascii: "\\"))
                switch byte {
                case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(byte)
                case 0x0A: bytes.append(UInt8(ascii: "n"))
                case 0x09: bytes.append(UInt8(ascii: "t"))
                default:
                    bytes += "u00".utf8
                    bytes.append(Self.hexadecimal[Int(byte >> 4)])
                    bytes.append(Self.hexadecimal[Int(byte & 0x0F)])
                }
            }
            bytes.append(contentsOf: buffer[start...])
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
