import Runtime
import Telemetry

/// The header `Retry-After`: seconds, or a date in the one form that HTTP has been written in since 1999.
enum RetryAfter {
    /// More is a mistake.
    private static let longest = Duration.seconds(86_400)
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    /// The span from `now`, never negative; nil where the header says neither.
    static func span(_ header: String, now: Timestamp) -> Duration? {
        if let seconds = Int64(header) { return .seconds(max(0, min(seconds, longest.components.seconds))) }
        guard let date = date(header) else { return nil }
        return max(.zero, min(.milliseconds((date - now).milliseconds), longest))
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT`.
    private static func date(_ text: String) -> Timestamp? {
        let parts: [Substring] = text.split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count == 6, parts[0].hasSuffix(","), parts[5] == "GMT", parts[1].utf8.count == 2,
            let month = months.firstIndex(of: String(parts[2]))
        else { return nil }
        return Timestamp(rfc3339: "\(parts[3])-\(month < 9 ? "0" : "")\(month + 1)-\(parts[1])T\(parts[4])Z")
    }
}
