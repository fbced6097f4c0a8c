import Dispatch
import Glibc
import Runtime
import Synchronization
import Testing

@Suite struct BlockingExecutorTests {
    @Test func allWorkOfAnActorRunsOnOneThreadThatIsNotThePools() async {
        let actor = ThreadTeller()
        var threads: Set<UInt> = []
        for _ in 0..<50 {
            threads.insert(await actor.thread())
            await Task.yield()
        }
        let name: String = await actor.threadName()
        #expect(threads.count == 1)
        #expect(name == "teller-with-a-l")
    }

    @Test func jobsEnqueuedTogetherRunOneAtATime() async {
        let actor = ThreadTeller()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<200 { group.addTask { await actor.increment() } }
        }
        #expect(await actor.count == 200)
        #expect(await actor.overlaps == 0)
    }

    @Test func theThreadEndsWithItsActor() async throws {
        weak var released: ThreadTeller?
        let identifier: Int32
        do {
            let actor = ThreadTeller()
            released = actor
            identifier = await actor.kernelThread()
        }
        #expect(released == nil)
        let path = "/proc/self/task/\(identifier)"
        let deadline = ContinuousClock.now + .seconds(5)
        while access(path, F_OK) == 0, ContinuousClock.now < deadline { try await Task.sleep(for: .milliseconds(5)) }
        #expect(access(path, F_OK) != 0)
    }

    @Test func sleepersWakeOnTheThreadInTheOrderOfTheirTimes() async throws {
        let actor = ThreadTeller()
        let thread: UInt = await actor.thread()
        let start: ContinuousClock.Instant = .now
        try await withThrowingTaskGroup(of: Void.self) { group in
            for delay in [60, 20, 40] {
                group.addTask {
                    let awake: UInt = try await actor.sleep(milliseconds: delay)
                    #expect(awake == thread)
                    #expect(ContinuousClock.now - start >= .milliseconds(delay))
                }
            }
            try await group.waitForAll()
        }
        #expect(await actor.slept == [20, 40, 60])
    }

    @Test func aSleepPassesThroughNoOtherThread() async throws {
        let actor = ThreadTeller()
        let others = CountingExecutor()
        try await withTaskExecutorPreference(others) {
            let before: Int = others.jobs
            try await actor.sleepAgainAndAgain(times: 20)
            #expect(others.jobs - before < 5)
        }
    }

    @Test func whatIsRepeatedRunsOnTheThreadWithoutATaskUntilItIsCancelled() async throws {
        let actor = ThreadTeller()
        let thread: UInt = await actor.thread()
        let others = CountingExecutor()
        let (threads, call) = AsyncStream<UInt>.makeStream()
        let repetition = Task(executorPreference: others) {
            try await actor.again {
                call.yield(UInt(pthread_self()))
                return .milliseconds(1)
            }
        }
        var calls = 0
        for await caller in threads {
            #expect(caller == thread)
            calls += 1
            if calls == 50 { break }
        }
        #expect(others.jobs < 10)
        // The actor's own work goes on.
        await actor.increment()
        #expect(await actor.count == 1)
        repetition.cancel()
        await #expect(throws: CancellationError.self) { try await repetition.value }
        #expect(await actor.isRepeating == false)
    }

    @Test func eachCallSaysWhenTheNextOneIs() async throws {
        let actor = ThreadTeller()
        let (moments, call) = AsyncStream<ContinuousClock.Instant>.makeStream()
        let repetition = Task {
            try await actor.again {
                call.yield(.now)
                return .milliseconds(30)
            }
        }
        var last: ContinuousClock.Instant?
        var calls = 0
        for await moment in moments {
            if let last { #expect(moment - last >= .milliseconds(30)) }
            last = moment
            calls += 1
            if calls == 4 { break }
        }
        repetition.cancel()
    }

    @Test func whoIsHastenedIsCalledHoweverLongItWantedToWait() async throws {
        let actor = ThreadTeller()
        let (calls, call) = AsyncStream<Int>.makeStream()
        let count = Mutex(0)
        let repetition = Task {
            try await actor.again {
                let number: Int = count.withLock {
                    $0 += 1
                    return $0
                }
                // Also while it is being called.
                if number == 2 { actor.hasten() }
                call.yield(number)
                return .seconds(3600)
            }
        }
        for await number in calls {
            if number == 1 { actor.hasten() }
            if number == 3 { break }
        }
        repetition.cancel()
        await #expect(throws: CancellationError.self) { try await repetition.value }
        // Nobody is there to be hastened, and whoever sleeps sleeps on.
        actor.hasten()
        let asleep = Task { try await actor.sleep(milliseconds: 3_600_000) }
        for _ in 0..<20 {
            actor.hasten()
            await actor.increment()
        }
        #expect(await actor.slept == [])
        asleep.cancel()
    }

    @Test func otherWorkGoesOnWhileSomebodySleepsAndACancelledSleepEnds() async throws {
        let actor = ThreadTeller()
        let asleep = Task { try await actor.sleep(milliseconds: 3_600_000) }
        let cancelledBefore = Task {
            while !Task.isCancelled { await Task.yield() }
            return try await actor.sleep(milliseconds: 3_600_000)
        }
        for _ in 0..<20 {
            await actor.increment()
            await Task.yield()
        }
        #expect(await actor.count == 20)
        for task in [asleep, cancelledBefore] {
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
        }
        #expect(await actor.slept == [])
    }
}

/// Where tasks run that are with no actor.
private final class CountingExecutor: TaskExecutor {
    private let count = Mutex(0)
    var jobs: Int { count.withLock { $0 } }

    func enqueue(_ job: consuming ExecutorJob) {
        count.withLock { $0 += 1 }
        let job = UnownedJob(job)
        DispatchQueue.global().async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}

private actor ThreadTeller {
    private let executor = BlockingExecutor(name: "teller-with-a-long-name")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
    private(set) var count = 0
    private(set) var overlaps = 0
    private var isBusy = false

    /// Delays of those that slept, in the order in which they woke.
    private(set) var slept: [Int] = []

    func thread() -> UInt { UInt(pthread_self()) }

    func sleepAgainAndAgain(times: Int) async throws {
        try await withTaskExecutorPreference(executor.tasks) {
            for _ in 0..<times { try await executor.sleep(for: .milliseconds(1)) }
        }
    }

    nonisolated func hasten() { executor.hasten() }

    private(set) var isRepeating = false

    func again(_ body: @escaping @Sendable () -> Duration) async throws {
        isRepeating = true
        defer { isRepeating = false }
        try await executor.repeating(body)
    }

    /// Answers on which thread it woke.
    func sleep(milliseconds: Int) async throws -> UInt {
        try await executor.sleep(for: .milliseconds(milliseconds))
        slept.append(milliseconds)
        return thread()
    }

    func kernelThread() -> Int32 {
        var buffer = [CChar](repeating: 0, count: 64)
        let length: Int = readlink("/proc/thread-self", &buffer, buffer.count)
        let text = String(decoding: buffer.prefix(max(0, length)).map(UInt8.init(bitPattern:)), as: UTF8.self)
        return text.split(separator: "/").last.flatMap { Int32($0) } ?? -1
    }

    func threadName() -> String {
        let descriptor: Int32 = open("/proc/thread-self/comm", O_RDONLY)
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 32)
        let length: Int = read(descriptor, &buffer, buffer.count)
        return String(decoding: buffer.prefix(max(0, length - 1)), as: UTF8.self)
    }

    func increment() {
        overlaps += isBusy ? 1 : 0
        isBusy = true
        count += 1
        sched_yield()
        isBusy = false
    }
}
