package import Database
package import Declarations

/// The configuration that this process runs, and word of each change to whoever runs a part of it.
///
/// Engines do `for await running in await live.updates()`: the present configuration comes at once, then each newer one;
/// who is slow gets the newest.
package actor LiveConfig {
    /// Nil until the store was read for the first time.
    package private(set) var running: RunningConfig?
    private var subscribers: [Int: AsyncStream<RunningConfig>.Continuation] = [:]
    private var nextSubscriber = 0
    private let sha256: SHA256Function

    package init(sha256: @escaping SHA256Function) { self.sha256 = sha256 }

    /// Makes what was read from the store the configuration that runs.
    package func adopt(_ loaded: LoadedConfig) {
        let next = RunningConfig(loading: loaded, after: running, sha256: sha256)
        guard !next.isSame(as: running) else { return }
        running = next
        for subscriber in subscribers.values { subscriber.yield(next) }
    }

    /// What runs now, and again whenever that changes.
    package func updates() -> AsyncStream<RunningConfig> {
        let (stream, continuation) = AsyncStream<RunningConfig>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let number: Int = nextSubscriber
        nextSubscriber += 1
        subscribers[number] = continuation
        // The stream may end on any thread.
        continuation.onTermination = { [weak self] _ in Task { await self?.removeSubscriber(number) } }
        if let running { continuation.yield(running) }
        return stream
    }

    /// The first configuration, or the present one; nil when the task is cancelled before there is one.
    package func loaded() async -> RunningConfig? {
        if let running { return running }
        return await updates().first { _ in true }
    }

    /// Waits until this process runs a generation of a store, or a newer one. False when the time is up before.
    package func waits(
        for generation: Int, of storeId: String, timeout: Duration, clock: any Clock<Duration>
    ) async
        -> Bool
    {
        let isReached: @Sendable (RunningConfig) -> Bool = { $0.storeId == storeId && $0.generation >= generation }
        if let running, isReached(running) { return true }
        let changes: AsyncStream<RunningConfig> = updates()
        return await withTaskGroup(of: Bool.self) { group in
            group.addTask { await changes.contains(where: isReached) }
            group.addTask {
                try? await clock.sleep(for: timeout)
                return false
            }
            defer { group.cancelAll() }
            return await group.next() ?? false
        }
    }

    private func removeSubscriber(_ number: Int) { subscribers[number] = nil }
}
