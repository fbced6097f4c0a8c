/// Runs `body` again and again, `interval` after the end of each run, until the task is cancelled.
///
/// The waiting is done by `clock`, so that tests move time by hand.
package func periodically(
    every interval: Duration, clock: any Clock<Duration>, _ body: () async -> Void
) async {
    while !Task.isCancelled {
        await body()
        do { try await clock.sleep(for: interval) } catch { return }
    }
}
