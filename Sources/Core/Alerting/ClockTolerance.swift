package import Telemetry

/// How wrong a host's clock may be before people are told.
package enum ClockTolerance {
    /// Further off, samples and lines begin to mislead whoever compares hosts.
    package static let limit = PromDuration.seconds(60)
    /// Only this near it is right again: a clock that wavers around the limit is one notice.
    package static let right = PromDuration.seconds(30)

    /// Whether a clock is taken to be wrong.
    ///
    /// - Parameters:
    ///   - offset: the host's clock minus the server's.
    ///   - wasWrong: whether it was before.
    package static func isWrong(offset: PromDuration, wasWrong: Bool) -> Bool {
        abs(offset.milliseconds) > (wasWrong ? right : limit).milliseconds
    }
}
