import Declarations

/// Runs a worker for each resource of one kind in the running set: starts new ones, ends those that are gone, tells
/// those that changed, and leaves all others alone.
struct WorkerSupervisor<Spec: Hashable & Sendable>: Sendable {
    let keeper: ConfigKeeper
    /// Raised when the running set may have changed.
    let changes: Signal
    /// The resources of the kind, by name.
    let wanted: @Sendable (RunningSet) -> [String: Spec]
    /// Whether the worker of one spec can obey another one too; else the other gets a worker of its own.
    var canObey: @Sendable (Spec, Spec) -> Bool = { _, _ in true }
    /// Runs one of them as told by its last spec, until there are no more.
    let run: @Sendable (_ name: String, _ first: Spec, AsyncStream<Spec>) async -> Void

    private struct Member {
        var spec: Spec
        var specs: AsyncStream<Spec>.Continuation
    }

    func run() async {
        await withDiscardingTaskGroup { group in
            var members: [String: Member] = [:]
            while !Task.isCancelled {
                let wanted: [String: Spec] = self.wanted(keeper.snapshot.running)
                for (name, member) in members where wanted[name] == nil {
                    member.specs.finish()
                    members[name] = nil
                }
                for (name, spec) in wanted where members[name]?.spec != spec {
                    if let member = members[name] {
                        if canObey(member.spec, spec) {
                            member.specs.yield(spec)
                            members[name]?.spec = spec
                            continue
                        }
                        member.specs.finish()
                    }
                    let (specs, continuation) = AsyncStream<Spec>.makeStream()
                    members[name] = Member(spec: spec, specs: continuation)
                    group.addTask { await run(name, spec, specs) }
                }
                await changes.wait()
            }
            for member in members.values { member.specs.finish() }
            group.cancelAll()
        }
    }
}
