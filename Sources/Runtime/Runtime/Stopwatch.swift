extension Clock where Duration == Swift.Duration {
    /// A function that tells how long ago it was made, whatever happens to the time of day.
    package func stopwatch() -> @Sendable () -> Duration {
        let start: Instant = now
        return { start.duration(to: now) }
    }
}
