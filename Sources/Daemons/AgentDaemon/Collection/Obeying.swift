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
///
/// - Parameter executor: of the actor that does it; nil where it has none.
func ticking(
    every interval: Duration, clocks: AgentClocks, on executor: BlockingExecutor? = nil, _ body: () async -> Void,
    missed: (Int) -> Void = { _ in }
) async {
    let elapsed = clocks.clock.stopwatch()
    let phase: Duration = clocks.phase(of: interval)
    var schedule = TickSchedule(interval: interval)
    while !Task.isCancelled {
        await body()
        let missedBefore: Int = schedule.missed
        let wait: Duration = schedule.wait(after: phase + elapsed())
        missed(schedule.missed - missedBefore)
        guard (try? await clocks.sleep(for: wait, on: executor)) != nil else { return }
    }
}
