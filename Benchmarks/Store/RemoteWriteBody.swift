import Telemetry

/// A body of Prometheus remote write 1.0 (prometheus.io/docs/specs/remote_write_spec): protobuf in a snappy block.
///
/// The block holds the bytes as literals, uncompressed: legal, and kind to the receiver, which has less to do than with
/// a real sender.
struct RemoteWriteBody {
    private var message: [UInt8] = []

    /// Every series of a host with its samples in order of time.
    init(host: String, series: [Series], frames: [Frame]) {
        message.reserveCapacity(series.count * (frames.count * 18 + 120))
        for (place, member) in series.enumerated() {
            var content: [UInt8] = []
            var labels: [(String, String)] = [("__name__", member.name), ("host", host), ("job", "bench")]
            labels += member.labels.dictionary.map { ($0.key, $0.value) }
            for (name, value) in labels.sorted(by: { $0.0 < $1.0 }) {
                var label: [UInt8] = []
                Self.write(field: 1, Array(name.utf8), to: &label)
                Self.write(field: 2, Array(value.utf8), to: &label)
                Self.write(field: 1, label, to: &content)
            }
            for frame in frames {
                guard let value = frame.values[place] else { continue }
                var sample: [UInt8] = [0x09]
                for shift in stride(from: 0, to: 64, by: 8) {
                    sample.append(UInt8(truncatingIfNeeded: value.bitPattern >> UInt64(shift)))
                }
                sample.append(0x10)
                Self.write(varint: UInt64(bitPattern: frame.time.milliseconds), to: &sample)
                Self.write(field: 2, sample, to: &content)
            }
            Self.write(field: 1, content, to: &message)
        }
    }

    private static func write(field: UInt8, _ bytes: [UInt8], to target: inout [UInt8]) {
        target.append(field << 3 | 2)
        write(varint: UInt64(bytes.count), to: &target)
        target += bytes
    }

    private static func write(varint value: UInt64, to target: inout [UInt8]) {
        var rest: UInt64 = value
        while rest >= 0x80 {
            target.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        target.append(UInt8(rest))
    }

    /// github.com/google/snappy, format_description.txt: the length, then literals of at most 64 KiB.
    var snappy: [UInt8] {
        var block: [UInt8] = []
        block.reserveCapacity(message.count + message.count / 10_000 + 16)
        Self.write(varint: UInt64(message.count), to: &block)
        var start = 0
        while start < message.count {
            let end: Int = min(start + 65_536, message.count)
            let length: Int = end - start - 1
            block += [61 << 2, UInt8(truncatingIfNeeded: length), UInt8(truncatingIfNeeded: length >> 8)]
            block += message[start..<end]
            start = end
        }
        return block
    }
}

/// Lines of VictoriaMetrics' `/api/v1/import`: a series a line.
enum ImportBody {
    static func bytes(host: String, series: [Series], frames: [Frame]) -> [UInt8] {
        var text = ""
        let times: String = frames.map { "\($0.time.milliseconds)" }.joined(separator: ",")
        for (place, member) in series.enumerated() {
            var metric = "\"__name__\":\"\(member.name)\",\"host\":\"\(host)\",\"job\":\"bench\""
            for (name, value) in member.labels.dictionary { metric += ",\"\(name)\":\"\(value)\"" }
            let values: String = frames.map { number($0.values[place] ?? 0) }.joined(separator: ",")
            text += "{\"metric\":{\(metric)},\"values\":[\(values)],\"timestamps\":[\(times)]}\n"
        }
        return Array(text.utf8)
    }

    /// As other programs write it: no fraction where there is none.
    private static func number(_ value: Double) -> String {
        value.rounded() == value && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
    }
}
