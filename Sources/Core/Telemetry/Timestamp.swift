/// An instant: microseconds since 1970-01-01T00:00:00Z, the resolution of PostgreSQL's `timestamptz`.
///
/// Arithmetic saturates: instants and spans come from outside too, and a query over the longest span that can be written
/// must not stop the program.
package struct Timestamp: Hashable, Comparable, Sendable {
    package var microseconds: Int64

    package init(microseconds: Int64) { self.microseconds = microseconds }
    package init(milliseconds: Int64) { self.microseconds = milliseconds.saturatingProduct(with: 1000) }
    /// To the nearest microsecond; what is not a number is 1970.
    package init(seconds: Double) {
        let rounded: Double = (seconds * 1_000_000).rounded()
        if let exact = Int64(exactly: rounded) {
            self.microseconds = exact
        } else {
            self.microseconds = rounded.isNaN ? 0 : rounded < 0 ? .min : .max
        }
    }

    /// Milliseconds since 1970, rounded down, as Prometheus counts.
    package var milliseconds: Int64 { microseconds.flooredQuotient(by: 1000) }
    /// Seconds since 1970, with a fraction.
    package var seconds: Double { Double(microseconds) / 1_000_000 }

    package static func < (left: Timestamp, right: Timestamp) -> Bool { left.microseconds < right.microseconds }

    package static func + (instant: Timestamp, span: PromDuration) -> Timestamp {
        Timestamp(
            microseconds: instant.microseconds.saturatingSum(with: span.milliseconds.saturatingProduct(with: 1000)))
    }
    package static func - (instant: Timestamp, span: PromDuration) -> Timestamp {
        Timestamp(
            microseconds: instant.microseconds.saturatingDifference(to: span.milliseconds.saturatingProduct(with: 1000))
        )
    }
    /// The span from `earlier` to `later`, in whole milliseconds rounded down; negative when `later` is first.
    package static func - (later: Timestamp, earlier: Timestamp) -> PromDuration {
        PromDuration(
            milliseconds: later.microseconds.saturatingDifference(to: earlier.microseconds).flooredQuotient(by: 1000))
    }

    /// The last instant not after this one that is a whole multiple of `width` since 1970. The width must be positive.
    package func floored(to width: PromDuration) -> Timestamp {
        precondition(width > .zero, "buckets need a width")
        let step: Int64 = width.milliseconds.saturatingProduct(with: 1000)
        return Timestamp(microseconds: microseconds.flooredQuotient(by: step).saturatingProduct(with: step))
    }
}

extension Int64 {
    /// The quotient rounded towards minus infinity, so that instants before 1970 fall into the right bucket.
    func flooredQuotient(by divisor: Int64) -> Int64 {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }

    func saturatingSum(with other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other < 0 ? .min : .max) : sum
    }

    /// This number less `other`.
    func saturatingDifference(to other: Int64) -> Int64 {
        let (difference, overflow) = subtractingReportingOverflow(other)
        return overflow ? (other < 0 ? .max : .min) : difference
    }

    func saturatingProduct(with factor: Int64) -> Int64 {
        let (product, overflow) = multipliedReportingOverflow(by: factor)
        return overflow ? ((self < 0) == (factor < 0) ? .max : .min) : product
    }
}
