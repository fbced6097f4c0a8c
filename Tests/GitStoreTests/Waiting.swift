import TestSupport

/// Waits until something is so.
func until(_ what: String, within limit: Duration = .seconds(20), _ condition: () async throws -> Bool) async throws {
    let deadline: ContinuousClock.Instant = .now + limit
    while try await !condition() {
        guard ContinuousClock.now < deadline else { throw TestSupportError("waited in vain until \(what)") }
        try await Task.sleep(for: .milliseconds(10))
    }
}
