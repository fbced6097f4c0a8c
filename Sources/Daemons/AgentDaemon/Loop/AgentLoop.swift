import AsyncHTTPClient
import NIOCore

/// One thread for everything of the agent that does not block: its tasks, its waiting and its HTTP. Actors that read
/// files have threads of their own.
///
/// Swift's own way is a pool of a thread for each processor, another thread for its timers, and NIO's besides; a tick
/// of a collector then passes through four of them. An agent does next to nothing, and what it costs a host is
/// switching between them.
final class AgentLoop: TaskExecutor {
    private let loop: any EventLoop

    init(_ loop: any EventLoop) { self.loop = loop }

    /// Of this process. To be asked for before anything else uses NIO, which has as many threads as there are
    /// processors unless told.
    static let shared: AgentLoop = {
        NIOSingletons.groupLoopCountSuggestion = 1
        NIOSingletons.blockingPoolThreadCountSuggestion = 1
        return AgentLoop(HTTPClient.defaultEventLoopGroup.any())
    }()

    var clock: LoopClock { LoopClock(loop) }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
