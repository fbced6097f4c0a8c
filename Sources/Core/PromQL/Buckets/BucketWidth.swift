package import Telemetry

/// How wide the buckets of a rollup are: a closed list, each dividing the next.
package enum BucketWidth: String, CaseIterable, Sendable {
    case minute = "1m"
    case fiveMinutes = "5m"
    case hour = "1h"

    package var milliseconds: Int64 {
        switch self {
        case .minute: 60_000
        case .fiveMinutes: 300_000
        case .hour: 3_600_000
        }
    }

    package var span: PromDuration { .milliseconds(milliseconds) }

    /// From the widest.
    package static let descending: [BucketWidth] = allCases.reversed()

    /// The end of the bucket that `time` (milliseconds since 1970) lies in. A bucket is open at its beginning and closed
    /// at its end, as PromQL's ranges are, so that a sample on an edge belongs to the bucket which ends there.
    package func end(of time: Int64) -> Int64 {
        let (quotient, remainder) = time.quotientAndRemainder(dividingBy: milliseconds)
        return (remainder > 0 ? quotient + 1 : quotient) * milliseconds
    }

    /// The last edge that is not after `time`.
    package func start(of time: Int64) -> Int64 { end(of: time + 1) - milliseconds }
}
