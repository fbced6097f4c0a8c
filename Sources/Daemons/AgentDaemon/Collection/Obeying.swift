import HostSystem
import Runtime

/// Runs `work` under the last of `specs` until there are no more: each new one cancels it, is adopted, and begins it
/// again.
func obey<Spec: Sendable>(
    _ specs: AsyncStream<Spec>, adopt: @Sendable (Spec) async -> Void,
    whileObeying work: @escaping @Sendable () async -> Void
) async {
    var iterator = specs.makeAsyncIterator()
    while true {
        let next: Spec? = await withTaskGroup(of: Void.self) { group in
            group.addTask { await work() }
            defer { group.cancelAll() }
            return await iterator.next()
        }
        guard let next else { return }
        await adopt(next)
    }
}

/// Does `body` at once and then at whole multiples of `interval`, until cancelled. What is missed is left out and said.
func ticking(
    every interval: Duration, clock: any Clock<Duration>, _ body: () async -> Void, missed: (Int) -> Void
) async {
    let elapsed = clock.stopwatch()
    var schedule = TickSchedule(interval: interval)
    while !Task.isCancelled {
        await body()
        let missedBefore: Int = schedule.missed
        let wait: Duration = schedule.wait(after: elapsed())
        missed(schedule.missed - missedBefore)
        guard (try? await clock.sleep(for: wait)) != nil else { return }
    }
}
