/// How long to wait before attempt after attempt: exponential, capped, with jitter so that many clients of one server
/// do not come back in step. Pure: the caller gives the random number and does the waiting.
package struct Backoff: Hashable, Sendable {
    /// The longest wait before the first retry.
    package var initial: Duration
    /// The longest wait there is.
    package var cap: Duration
    package var factor: Double
    /// The part of each wait that is random: 0.5 waits between half and all of it.
    package var jitter: Double

    package init(initial: Duration, cap: Duration, factor: Double = 2, jitter: Double = 0.5) {
        precondition(initial > .zero && cap >= initial && factor >= 1 && (0...1).contains(jitter))
        self.initial = initial
        self.cap = cap
        self.factor = factor
        self.jitter = jitter
    }

    /// The wait after `attempt` failures in a row (1 for the first), where `random` lies in 0 ..< 1.
    package func delay(attempt: Int, random: Double) -> Duration {
        var full: Double = initial.inSeconds
        // A loop that ends at the cap, not pow(): attempt may be any count of a daemon that failed for a year.
        var step = 1
        while step < attempt, full < cap.inSeconds {
            full *= factor
            step += 1
        }
        full = min(full, cap.inSeconds)
        // Whole microseconds: the doublings of a tenth are no exact doubles.
        return .microseconds(Int64((full * (1 - jitter * min(max(random, 0), 1)) * 1_000_000).rounded()))
    }

    package func delay(attempt: Int, using generator: inout some RandomNumberGenerator) -> Duration {
        delay(attempt: attempt, random: Double.random(in: 0..<1, using: &generator))
    }

    package func delay(attempt: Int) -> Duration {
        var generator = SystemRandomNumberGenerator()
        return delay(attempt: attempt, using: &generator)
    }
}

extension Duration {
    /// The span as seconds with a fraction.
    package var inSeconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) + Double(attoseconds) / 1e18
    }

    /// The span in whole milliseconds, towards zero.
    package var inMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1000 + attoseconds / 1_000_000_000_000_000
    }
}
