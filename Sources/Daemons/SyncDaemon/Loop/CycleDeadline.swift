import Runtime

/// Sees to it that a run ends: at `limit` it is cancelled, and one that does not heed that for `grace` ends the program,
/// so that whoever supervises it starts it anew. A loop that hangs would look like one that finds nothing.
package struct CycleDeadline: Sendable {
    package var limit: Duration
    package var grace: Duration = .seconds(10)
    package var clock: any Clock<Duration>
    /// Is told when the limit has passed.
    package var cutOff: @Sendable () -> Void
    /// Ends the program; is not expected to return.
    package var abandon: @Sendable () -> Void

    package init(
        limit: Duration, grace: Duration = .seconds(10), clock: any Clock<Duration> = ContinuousClock(),
        cutOff: @escaping @Sendable () -> Void, abandon: @escaping @Sendable () -> Void
    ) {
        self.limit = limit
        self.grace = grace
        self.clock = clock
        self.cutOff = cutOff
        self.abandon = abandon
    }

    /// Not as child tasks: what hangs would hold up a group for ever.
    package func run<Value: Sendable>(_ body: @escaping @Sendable () async -> Value) async -> Value {
        let work = Task { await body() }
        let watch = Task {
            try await clock.sleep(for: limit)
            cutOff()
            work.cancel()
        }
        // What hangs may hold every thread that tasks run on.
        let lastResort = LastResort(after: limit + grace, abandon)
        defer {
            watch.cancel()
            lastResort.disarm()
        }
        return await withTaskCancellationHandler {
            await work.value
        } onCancel: {
            work.cancel()
        }
    }
}
