import Glibc
import Runtime
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
}

private actor ThreadTeller {
    private let executor = BlockingExecutor(name: "teller-with-a-long-name")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
    private(set) var count = 0
    private(set) var overlaps = 0
    private var isBusy = false

    func thread() -> UInt { UInt(pthread_self()) }

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
