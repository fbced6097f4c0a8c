/// Runs the jobs of Swift's tasks on the thread that asks for it, in the order in which they came.
///
/// Tasks that prefer this executor, and the actors and child tasks that they use, never run anywhere else and never by
/// themselves: the order of everything is a function of the order in which jobs become ready, and that is decided by
/// the simulation alone. `@unchecked Sendable`: whoever drains is the only thread that makes jobs ready; `enqueue`
/// stops the program where another does.
final class DrainedExecutor: TaskExecutor, @unchecked Sendable {
    private var jobs: [UnownedJob] = []
    private var next = 0
    private let thread = ThreadIdentity()

    func enqueue(_ job: consuming ExecutorJob) {
        precondition(thread.isCurrent, "a job came from another thread: something that is not simulated")
        jobs.append(UnownedJob(job))
    }

    /// Runs jobs until there is none: every task waits for the simulation then.
    func drain() {
        while next < jobs.count {
            let job: UnownedJob = jobs[next]
            next += 1
            job.runSynchronously(on: asUnownedTaskExecutor())
        }
        jobs.removeAll(keepingCapacity: true)
        next = 0
    }
}
