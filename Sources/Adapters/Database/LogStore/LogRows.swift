import Declarations
import Telemetry

/// Rows of `logs` in PostgreSQL's text form of COPY (postgresql.org/docs/15/sql-copy.html, "Text Format"), by partition.
struct LogRows {
    static let columns = "time, id, host, source, path, level, message, fields, labels"
    /// Lines of one request have numbers of one block, in their order.
    private static let blockBits = 16

    private(set) var texts: [String: [UInt8]] = [:]
    private let host: String
    private let partitions: [Timestamp: String]
    private var number: Int
    /// The columns that lines of one origin share.
    private var shared: (origin: LogOrigin, text: [UInt8], labels: [UInt8])?

    init(host: String, sequence: Int, partitions: [Timestamp: String]) {
        precondition(Limits.logLinesPerRequest < 1 << Self.blockBits)
        self.host = host
        self.partitions = partitions
        number = sequence << Self.blockBits
    }

    mutating func append(_ origin: LogOrigin, _ line: LogLine) {
        guard let partition = partitions[line.time] else { preconditionFailure("a line without a partition") }
        if shared?.origin != origin { shared = share(origin) }
        guard let shared else { return }
        var row: [UInt8] = []
        row.reserveCapacity(line.message.utf8.count + line.fields.utf8.count + 200)
        row += "\(line.time.rfc3339)\t\(number)\t".utf8
        row += shared.text
        row += "\(line.level.rawValue)\t".utf8
        Self.append(line.message, to: &row)
        row.append(Self.tab)
        Self.append(line.fields, to: &row)
        row.append(Self.tab)
        row += shared.labels
        row.append(Self.lineFeed)
        texts[partition, default: []] += row
        number += 1
    }

    private func share(_ origin: LogOrigin) -> (origin: LogOrigin, text: [UInt8], labels: [UInt8]) {
        var text: [UInt8] = []
        for part in [host, origin.source, origin.path] {
            Self.append(part, to: &text)
            text.append(Self.tab)
        }
        var labels: [UInt8] = []
        Self.append(origin.labels.dictionary.json.canonicalText, to: &labels)
        return (origin, text, labels)
    }

    private static let tab = UInt8(ascii: "\t")
    private static let lineFeed = UInt8(ascii: "\n")

    private static func append(_ text: String, to row: inout [UInt8]) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): row += [byte, byte]
            case lineFeed: row += [UInt8(ascii: "\\"), UInt8(ascii: "n")]
            case UInt8(ascii: "\r"): row += [UInt8(ascii: "\\"), UInt8(ascii: "r")]
            case tab: row += [UInt8(ascii: "\\"), UInt8(ascii: "t")]
            default: row.append(byte)
            }
        }
    }
}
