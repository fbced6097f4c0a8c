import Telemetry

/// How the pages speak of times and quantities.
enum Wording {
    /// `12 s ago`, `5 min ago`, `3 h ago`, `2 days ago`.
    static func ago(_ instant: Timestamp, now: Timestamp) -> String {
        let seconds: Int64 = max(0, (now - instant).milliseconds / 1000)
        switch seconds {
        case ..<2: return "just now"
        case ..<90: return "\(seconds) s ago"
        case ..<5400: return "\(seconds / 60) min ago"
        case ..<129_600: return "\(seconds / 3600) h ago"
        default: return "\(seconds / 86400) days ago"
        }
    }

    /// The instant without its fraction of a second, as RFC 3339.
    static func second(_ instant: Timestamp) -> String { instant.floored(to: .seconds(1)).rfc3339 }

    enum Unit { case percent, bytes, bytesPerSecond, plain }

    static func quantity(_ value: Double?, _ unit: Unit) -> String {
        guard let value, value.isFinite else { return "–" }
        switch unit {
        case .percent: return "\(rounded(value, digits: value < 10 ? 1 : 0)) %"
        case .bytes: return scaled(value) + "B"
        case .bytesPerSecond: return scaled(value) + "B/s"
        case .plain: return rounded(value, digits: value.magnitude < 10 ? 2 : 1)
        }
    }

    private static func scaled(_ value: Double) -> String {
        var rest: Double = value
        var prefix = ""
        for next in ["Ki", "Mi", "Gi", "Ti"] {
            guard rest.magnitude >= 1024 else { break }
            rest /= 1024
            prefix = next
        }
        return "\(rounded(rest, digits: rest.magnitude < 10 && !prefix.isEmpty ? 1 : 0)) \(prefix)"
    }

    private static func rounded(_ value: Double, digits: Int) -> String {
        guard value.magnitude < 1e15 else { return "\(value)" }
        let scale: Double = digits == 0 ? 1 : digits == 1 ? 10 : 100
        let number: Double = (value * scale).rounded() / scale
        return number == number.rounded() ? "\(Int64(number))" : "\(number)"
    }

    /// The first eight digits of a commit or a digest.
    static func short(_ id: String) -> String { String(id.prefix(8)) }
}
