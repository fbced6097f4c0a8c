import Declarations
import PromQL
import Telemetry

/// Writes answers that may have a hundred thousand samples straight into bytes: the same bytes as by way of a
/// `JSONValue`, without a value of its own for every number.
struct PrometheusWriter {
    private var bytes: [UInt8] = []

    /// The body of an answer.
    static func body(_ answer: QueryEngine.Answer) -> [UInt8] {
        guard case .matrix(let series) = answer.result else {
            return PrometheusJSON.success(
                PrometheusJSON.data(answer.result), notes: answer.notes, warnings: answer.warnings
            ).canonical
        }
        var writer = PrometheusWriter()
        writer.bytes.reserveCapacity(series.reduce(256) { $0 + 128 + $1.samples.count * 36 })
        writer.write("{\"data\":{\"result\":[")
        for (index, one) in series.enumerated() {
            if index > 0 { writer.write(",") }
            writer.write(one)
        }
        writer.write("],\"resultType\":\"matrix\"}")
        if !answer.notes.isEmpty { writer.write("infos", answer.notes) }
        writer.write(",\"status\":\"success\"")
        if !answer.warnings.isEmpty { writer.write("warnings", answer.warnings) }
        writer.write("}")
        return writer.bytes
    }

    private mutating func write(_ text: String) { bytes.append(contentsOf: text.utf8) }

    private mutating func write(_ name: String, _ texts: [String]) {
        write(",\"\(name)\":")
        bytes += JSONValue.array(texts.map(JSONValue.string)).canonical
    }

    private mutating func write(_ series: MatrixSeries) {
        write("{\"metric\":")
        bytes += series.labels.dictionary.json.canonical
        write(",\"values\":[")
        for (index, sample) in series.samples.enumerated() {
            write(index > 0 ? ",[" : "[")
            writeSeconds(sample.time.milliseconds)
            write(",\"")
            write(sample.value)
            write("\"]")
        }
        write("]}")
    }

    /// Milliseconds as seconds, the fraction without zeros at its end.
    private mutating func writeSeconds(_ milliseconds: Int64) {
        guard milliseconds >= 0 else { return bytes += JSONValue.number(Double(milliseconds) / 1000).canonical }
        writeDigits(UInt64(milliseconds / 1000))
        var fraction: Int64 = milliseconds % 1000
        guard fraction > 0 else { return }
        bytes.append(UInt8(ascii: "."))
        var unit: Int64 = 100
        while fraction > 0 {
            bytes.append(UInt8(ascii: "0") + UInt8(fraction / unit))
            fraction %= unit
            unit /= 10
        }
    }

    /// Most values of counters and of memory are whole: without a text of its own for each.
    private mutating func write(_ value: Double) {
        guard value.magnitude < 1e15, value == value.rounded(), value != 0 else {
            return write(PrometheusJSON.text(value))
        }
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        writeDigits(UInt64(value.magnitude))
    }

    private mutating func writeDigits(_ number: UInt64) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var (rest, place) = (number, 20)
            repeat {
                place -= 1
                digits[place] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            } while rest > 0
            bytes.append(contentsOf: digits[place...])
        }
    }
}
