@testable import AgentDaemon
import AsyncHTTPClient
import Glibc
import NIOCore
import Testing

@Suite struct LoopClockTests {
    private let loop: any EventLoop = HTTPClient.defaultEventLoopGroup.any()

    @Test(arguments: [(0, 0), (1, 500), (500_000_000, 500), (500_000_001, 1000)] as [(UInt64, Int64)])
    func sleepersWakeTogetherAndNoneTooEarly(nanoseconds: UInt64, wake: Int64) {
        #expect(LoopClock.wake(.uptimeNanoseconds(nanoseconds)) == .uptimeNanoseconds(0) + .milliseconds(wake))
    }

    @Test func aSleepEndsWhenItsTimeHasCome() async throws {
        let clock = LoopClock(loop)
        let start: LoopClock.Instant = clock.now
        try await clock.sleep(for: .milliseconds(20))
        #expect(clock.now - start >= .milliseconds(20))
        // What is over is not waited for.
        try await clock.sleep(until: start, tolerance: nil)
    }

    @Test func aCancelledSleepEndsAtOnce() async throws {
        let clock = LoopClock(loop)
        let asleep = Task { try await clock.sleep(for: .seconds(3600)) }
        let cancelledBefore = Task {
            while !Task.isCancelled { await Task.yield() }
            try await clock.sleep(for: .seconds(3600))
        }
        try await clock.sleep(for: .milliseconds(1))
        for task in [asleep, cancelledBefore] {
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
        }
    }

    @Test func everythingRunsOnTheOneThread() async throws {
        let executor = AgentLoop(loop)
        let threads: Set<UInt> = try await withTaskExecutorPreference(executor) {
            try await withThrowingTaskGroup(of: UInt.self) { group in
                for delay in 0..<20 {
                    group.addTask {
                        try await executor.clock.sleep(for: .milliseconds(delay))
                        return UInt(pthread_self())
                    }
                }
                return try await group.reduce(into: []) { $0.insert($1) }
            }
        }
        let own: UInt = try await loop.submit { UInt(pthread_self()) }.get()
        #expect(threads == [own])
    }
}
