import Declarations
import Telemetry

/// One record of a spool segment. Docs: docs/formats/spool.md.
enum SpoolRecord: Hashable, Sendable {
    /// Everything that came before, in short: the first record of each segment.
    case checkpoint(SpoolCheckpoint)
    /// A list of series, which the frames behind it in this segment name by its number.
    case layout(number: UInt64, producer: String, series: [Series])
    ///
    /// - collected: samples that the ledger counted as collected before it; nil in frames of older agents. It tells how
    ///   much is missing where the records before it are damaged.
    case frame(sequence: UInt64, layout: UInt64, time: Timestamp, values: [Double?], collected: Int?)
    /// Frames came to an end, and what that adds to the ledger.
    case settled(Settlement)

    static let magic: [UInt8] = [0xA5, 0x50]
    static let headBytes = 10

    /// The record with its head: magic, length, check sum.
    var encoded: [UInt8] {
        let content: [UInt8] = self.content
        var writer = ByteWriter()
        for byte in Self.magic { writer.byte(byte) }
        writer.fixed(UInt32(content.count))
        writer.fixed(CRC32C.checksum(content))
        return writer.bytes + content
    }

    private var content: [UInt8] {
        var writer = ByteWriter()
        switch self {
        case .checkpoint(let checkpoint):
            writer.byte(1)
            writer.text(checkpoint.json.canonicalText)
        case .layout(let number, let producer, let series):
            writer.byte(2)
            writer.number(number)
            writer.text(producer)
            writer.number(UInt64(series.count))
            for one in series {
                writer.text(one.name)
                let labels: [(key: String, value: String)] = one.labels.dictionary.sorted { $0.key < $1.key }
                writer.number(UInt64(labels.count))
                for (name, value) in labels {
                    writer.text(name)
                    writer.text(value)
                }
            }
        case .frame(let sequence, let layout, let time, let values, let collected):
            writer.byte(3)
            writer.number(sequence)
            writer.number(layout)
            writer.signed(time.microseconds)
            writer.number(UInt64(values.count))
            for value in values { Self.write(value, to: &writer) }
            if let collected { writer.number(UInt64(max(0, collected))) }
        case .settled(let settlement):
            writer.byte(4)
            writer.text(settlement.json.canonicalText)
        }
        return writer.bytes
    }

    /// 0: absent; 1: eight bytes; 2: a whole number, for most counters a few bytes. The sign of -0 and the payload of a
    /// stale marker survive as eight bytes.
    private static func write(_ value: Double?, to writer: inout ByteWriter) {
        guard let value else { return writer.byte(0) }
        if let whole = Int64(exactly: value), whole.magnitude < 1 << 48, value.sign == .plus || whole != 0 {
            writer.byte(2)
            writer.signed(whole)
        } else {
            writer.byte(1)
            writer.fixed(value.bitPattern)
        }
    }

    init?(content: ArraySlice<UInt8>) {
        var reader = ByteReader(content)
        switch reader.byte() {
        case 1:
            guard let text = reader.text(), let json = try? JSONValue(parsing: text),
                let checkpoint = try? SpoolCheckpoint(json: json)
            else { return nil }
            self = .checkpoint(checkpoint)
        case 2:
            guard let layout = Self.layout(&reader) else { return nil }
            self = layout
        case 3:
            guard let sequence = reader.number(), let layout = reader.number(), let time = reader.signed(),
                let count = reader.count()
            else { return nil }
            var values: [Double?] = []
            values.reserveCapacity(count)
            for _ in 0..<count {
                switch reader.byte() {
                case 0: values.append(nil)
                case 1:
                    guard let bits = reader.fixed64() else { return nil }
                    values.append(Double(bitPattern: bits))
                case 2:
                    guard let whole = reader.signed() else { return nil }
                    values.append(Double(whole))
                default: return nil
                }
            }
            var collected: Int?
            if !reader.isAtEnd {
                guard let number = reader.number() else { return nil }
                collected = Int(clamping: number)
            }
            self = .frame(
                sequence: sequence, layout: layout, time: Timestamp(microseconds: time), values: values,
                collected: collected)
        case 4:
            guard let text = reader.text(), let json = try? JSONValue(parsing: text),
                let settlement = try? Settlement(json: json)
            else { return nil }
            self = .settled(settlement)
        default: return nil
        }
        guard reader.isAtEnd else { return nil }
    }

    private static func layout(_ reader: inout ByteReader) -> SpoolRecord? {
        guard let number = reader.number(), let producer = reader.text(), let count = reader.count() else { return nil }
        var series: [Series] = []
        for _ in 0..<count {
            guard let name = reader.text(), let labelCount = reader.count() else { return nil }
            var labels: [String: String] = [:]
            for _ in 0..<labelCount {
                guard let label = reader.text(), let value = reader.text() else { return nil }
                labels[label] = value
            }
            series.append(Series(name, labels.isEmpty ? .none : Labels(labels)))
        }
        return .layout(number: number, producer: producer, series: series)
    }

    /// All records of a segment that can be read, and how many stretches cannot. Behind damage the next record is found
    /// by its magic and its check sum.
    static func records(of bytes: [UInt8]) -> (records: [SpoolRecord], damages: Int) {
        var records: [SpoolRecord] = []
        var damages = 0
        var isDamaged = false
        var place = 0
        while place < bytes.count {
            if let (record, end) = record(in: bytes, at: place) {
                records.append(record)
                place = end
                isDamaged = false
                continue
            }
            if !isDamaged { damages += 1 }
            isDamaged = true
            place += 1
        }
        return (records, damages)
    }

    private static func record(in bytes: [UInt8], at place: Int) -> (SpoolRecord, end: Int)? {
        guard bytes.count - place >= headBytes, bytes[place] == magic[0], bytes[place + 1] == magic[1] else {
            return nil
        }
        func fixed(_ offset: Int) -> UInt32 {
            (0..<4).reduce(0) { $0 | UInt32(bytes[place + offset + $1]) << UInt32(8 * $1) }
        }
        let start: Int = place + headBytes
        let count = Int(fixed(2))
        guard bytes.count - start >= count else { return nil }
        let content: ArraySlice<UInt8> = bytes[start..<start + count]
        guard CRC32C.checksum(content) == fixed(6), let record = SpoolRecord(content: content) else { return nil }
        return (record, start + count)
    }
}
