import Declarations

/// Runs the collectors of the running set: starts new ones, stops those that are gone, tells those that changed, and
/// leaves all others alone.
struct CollectorSupervisor: Sendable {
    let keeper: ConfigKeeper
    /// Raised when the running set may have changed.
    let changes: Signal
    let dependencies: CollectorWorker.Dependencies

    private struct Member {
        var spec: CollectorSpec
        var specs: AsyncStream<CollectorSpec>.Continuation
    }

    func run() async {
        await withDiscardingTaskGroup { group in
            var members: [String: Member] = [:]
            while !Task.isCancelled {
                let wanted: [String: CollectorSpec] = keeper.snapshot.running.collectors
                for (name, member) in members where wanted[name] == nil {
                    member.specs.finish()
                    members[name] = nil
                }
                for (name, spec) in wanted where members[name]?.spec != spec {
                    if let member = members[name] {
                        member.specs.yield(spec)
                        members[name]?.spec = spec
                        continue
                    }
                    let (specs, continuation) = AsyncStream<CollectorSpec>.makeStream()
                    members[name] = Member(spec: spec, specs: continuation)
                    let worker = CollectorWorker(name: name, spec: spec, dependencies)
                    group.addTask { await worker.run(specs) }
                }
                await changes.wait()
            }
            for member in members.values { member.specs.finish() }
            group.cancelAll()
        }
    }
}
