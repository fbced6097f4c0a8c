/// A span of time in whole milliseconds, read and written as Prometheus does: `90s`, `1h30m`, `30d`.
///
/// Grammar and canonical form follow Prometheus' `model.Duration`: units `y w d h m s ms` in falling order, each at
/// most once; a year is 365 days. The canonical form uses years and weeks only where they divide the span exactly.
package struct PromDuration: Hashable, Comparable, Sendable, CustomStringConvertible {
    package var milliseconds: Int64

    package init(milliseconds: Int64) { self.milliseconds = milliseconds }

    package static let zero = PromDuration(milliseconds: 0)
    package static func milliseconds(_ count: Int64) -> PromDuration { PromDuration(milliseconds: count) }
    package static func seconds(_ count: Int64) -> PromDuration { PromDuration(milliseconds: count * 1000) }
    package static func minutes(_ count: Int64) -> PromDuration { .seconds(count * 60) }
    package static func hours(_ count: Int64) -> PromDuration { .minutes(count * 60) }
    package static func days(_ count: Int64) -> PromDuration { .hours(count * 24) }

    package var seconds: Double { Double(milliseconds) / 1000 }
    package var duration: Duration { .milliseconds(milliseconds) }

    package static func < (left: PromDuration, right: PromDuration) -> Bool { left.milliseconds < right.milliseconds }

    /// Units from the largest, with their lengths in milliseconds; `exact` ones are written only when nothing remains.
    private static let units: [(name: String, length: Int64, exact: Bool)] = [
        ("y", 365 * 86_400_000, true), ("w", 7 * 86_400_000, true), ("d", 86_400_000, false), ("h", 3_600_000, false),
        ("m", 60_000, false), ("s", 1000, false), ("ms", 1, false),
    ]

    /// Reads a Prometheus duration; nil where the text is not one or does not fit 64 bits.
    package init?(_ text: some StringProtocol) {
        let bytes: [UInt8] = Array(text.utf8)
        if bytes == [UInt8(ascii: "0")] {
            self.init(milliseconds: 0)
            return
        }
        var position = 0
        var nextUnit = 0
        var total: Int64 = 0
        while position < bytes.count {
            guard let number = Self.number(bytes, &position),
                let unit = Self.unit(bytes, &position, from: nextUnit)
            else { return nil }
            let (product, overflow) = number.multipliedReportingOverflow(by: Self.units[unit].length)
            let (sum, sumOverflow) = total.addingReportingOverflow(product)
            guard !overflow, !sumOverflow else { return nil }
            total = sum
            nextUnit = unit + 1
        }
        guard nextUnit > 0 else { return nil }
        self.init(milliseconds: total)
    }

    private static func number(_ bytes: [UInt8], _ position: inout Int) -> Int64? {
        let start: Int = position
        while position < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[position]) {
            position += 1
        }
        return Int64(String(decoding: bytes[start..<position], as: UTF8.self))
    }

    private static func unit(_ bytes: [UInt8], _ position: inout Int, from first: Int) -> Int? {
        let start: Int = position
        while position < bytes.count, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(bytes[position]) {
            position += 1
        }
        let name = String(decoding: bytes[start..<position], as: UTF8.self)
        return units.indices.dropFirst(first).first { units[$0].name == name }
    }

    /// The canonical form: `90s` reads `1m30s`, zero reads `0s`.
    package var description: String {
        guard milliseconds != 0 else { return "0s" }
        var rest: Int64 = milliseconds.magnitude > UInt64(Int64.max) ? Int64.max : abs(milliseconds)
        var text: String = milliseconds < 0 ? "-" : ""
        for unit in Self.units {
            guard !unit.exact || rest % unit.length == 0 else { continue }
            let count: Int64 = rest / unit.length
            guard count > 0 else { continue }
            text += "\(count)\(unit.name)"
            rest -= count * unit.length
        }
        return text
    }
}
