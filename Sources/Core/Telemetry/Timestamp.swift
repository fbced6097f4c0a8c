/// An instant: microseconds since 1970-01-01T00:00:00Z, the resolution of PostgreSQL's `timestamptz`.
package struct Timestamp: Hashable, Comparable, Sendable {
    package var microseconds: Int64

    package init(microseconds: Int64) { self.microseconds = microseconds }
    package init(milliseconds: Int64) { self.microseconds = milliseconds * 1000 }
    package init(seconds: Double) { self.microseconds = Int64((seconds * 1_000_000).rounded()) }

    /// Milliseconds since 1970, rounded down, as Prometheus counts.
    package var milliseconds: Int64 { microseconds.flooredQuotient(by: 1000) }
    /// Seconds since 1970, with a fraction.
    package var seconds: Double { Double(microseconds) / 1_000_000 }

    package static func < (left: Timestamp, right: Timestamp) -> Bool { left.microseconds < right.microseconds }

    package static func + (instant: Timestamp, span: PromDuration) -> Timestamp {
        Timestamp(microseconds: instant.microseconds + span.milliseconds * 1000)
    }
    package static func - (instant: Timestamp, span: PromDuration) -> Timestamp {
        Timestamp(microseconds: instant.microseconds - span.milliseconds * 1000)
    }
    /// The span from `earlier` to `later`, in whole milliseconds rounded down; negative when `later` is first.
    package static func - (later: Timestamp, earlier: Timestamp) -> PromDuration {
        PromDuration(milliseconds: (later.microseconds - earlier.microseconds).flooredQuotient(by: 1000))
    }

    /// The last instant not after this one that is a whole multiple of `width` since 1970.
    package func floored(to width: PromDuration) -> Timestamp {
        let step: Int64 = width.milliseconds * 1000
        return Timestamp(microseconds: microseconds.flooredQuotient(by: step) * step)
    }
}

extension Int64 {
    /// The quotient rounded towards minus infinity, so that instants before 1970 fall into the right bucket.
    func flooredQuotient(by divisor: Int64) -> Int64 {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }
}
