import Dispatch
import Runtime
import Synchronization
import Testing

@Suite struct LastResortTests {
    private final class Counter: Sendable {
        let calls = Mutex(0)
    }

    @Test(.timeLimit(.minutes(1))) func `it acts when the time has passed`() async {
        let (acts, act) = AsyncStream<Void>.makeStream()
        let lastResort = LastResort(after: .milliseconds(20)) { act.yield() }
        #expect(await acts.first { _ in true } != nil)
        lastResort.disarm()
    }

    @Test(.timeLimit(.minutes(1))) func `what is disarmed does not act`() async {
        let counter = Counter()
        LastResort(after: .seconds(3600)) { counter.calls.withLock { $0 += 1 } }.disarm()
        // Later ones act, this one never does.
        let (acts, act) = AsyncStream<Void>.makeStream()
        let later = LastResort(after: .milliseconds(20)) { act.yield() }
        #expect(await acts.first { _ in true } != nil)
        later.disarm()
        #expect(counter.calls.withLock { $0 } == 0)
    }
}
