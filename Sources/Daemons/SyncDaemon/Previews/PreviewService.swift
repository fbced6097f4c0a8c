import Declarations
package import GitStore
package import Logging
package import Reconciliation
package import Runtime
import ServiceLifecycle
import Synchronization
import Telemetry

/// Plans branches that are not enforced, so that whoever works on the config repository sees what a branch would do
/// without having a way in.
///
/// Who may push such a branch need not be trusted: it is fetched into a repository of its own and read, decoded and
/// planned in a process of its own, with limits and a deadline. Nothing of it reaches the loop that enforces.
package struct PreviewService: Service {
    package struct Dependencies: Sendable {
        /// The branches of the first remote that answers.
        package var branches: @Sendable () async throws -> [RemoteBranch]
        /// The plan of a branch.
        package var plan: @Sendable (String) async -> PlannedBranch
        /// The commit that is enforced now.
        package var acceptedCommit: @Sendable () -> String?
        /// Hands the set to the server.
        package var send: @Sendable (PreviewSet) async throws -> Void
        package var now: WallClock
        package var clock: any Clock<Duration>

        package init(
            branches: @escaping @Sendable () async throws -> [RemoteBranch],
            plan: @escaping @Sendable (String) async -> PlannedBranch,
            acceptedCommit: @escaping @Sendable () -> String?,
            send: @escaping @Sendable (PreviewSet) async throws -> Void, now: @escaping WallClock = Timestamp.now,
            clock: any Clock<Duration> = ContinuousClock()
        ) {
            self.branches = branches
            self.plan = plan
            self.acceptedCommit = acceptedCommit
            self.send = send
            self.now = now
            self.clock = clock
        }
    }

    private let configuration: BootstrapConfiguration
    private let dependencies: Dependencies
    private let notes: FailureNotes
    private let logger: Logger
    private let last = LastRound()

    package init(
        _ configuration: BootstrapConfiguration, _ dependencies: Dependencies, notes: FailureNotes, logger: Logger
    ) {
        self.configuration = configuration
        self.dependencies = dependencies
        self.notes = notes
        self.logger = logger
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            await periodically(every: configuration.interval.duration, clock: dependencies.clock) { await round() }
        }
    }

    /// One look at the branches. What fails is logged, counted and, once, reported; the next round tries again.
    package func round() async {
        do {
            let known: PreviewSet = try configuration.directory.readPreviews()
            let all: [RemoteBranch] = try await dependencies.branches()
            let selection = PreviewSelection(
                of: all, matching: configuration.previews, enforced: configuration.repository.branch)
            let next: PreviewSet = await previews(of: selection, known: known)
            if next != known { try configuration.directory.write(next) }
            if last.sent.withLock({ $0 != next }) {
                try await dependencies.send(next)
                last.sent.withLock { $0 = next }
            }
            last.error.withLock { $0 = nil }
        } catch {
            guard !Task.isCancelled else { return }
            await failed("\(error)")
        }
    }

    private func failed(_ error: String) async {
        logger.warning("previews not brought up to date", metadata: .of([.error: error]))
        notes.count(.previews)
        let isNews: Bool = last.error.withLock { last in
            defer { last = error }
            return last != error
        }
        if isNews { await notes.tell("previews are not brought up to date: \(error)") }
    }

    private func previews(of selection: PreviewSelection, known: PreviewSet) async -> PreviewSet {
        let earlier = Dictionary(known.previews.map { ($0.branch, $0) }) { first, _ in first }
        let accepted: String? = dependencies.acceptedCommit()
        var set = PreviewSet(leftOff: selection.leftOff)
        for branch in selection.branches where !Task.isCancelled {
            if let last = earlier[branch.name],
                PreviewSelection.stillHolds(last, for: branch, accepted: accepted, now: dependencies.now())
            {
                set.previews.append(last)
                continue
            }
            let planned: PlannedBranch = await dependencies.plan(branch.name)
            set.previews.append(
                BranchPreview(
                    branch: branch.name, head: branch.head.hex, acceptedCommit: accepted,
                    plannedAt: dependencies.now(), report: planned.report, error: planned.error))
        }
        return set
    }
}

private final class LastRound: Sendable {
    /// What the server has got.
    let sent = Mutex<PreviewSet?>(nil)
    /// Why the last round failed.
    let error = Mutex<String?>(nil)
}

/// What planning a branch gave: a report, or why there is none.
package struct PlannedBranch: Hashable, Sendable {
    package var report: RunReport?
    package var error: String?

    package init(report: RunReport?, error: String?) {
        self.report = report
        self.error = error
    }
}

extension StateDirectory {
    private static var previewsLimit: Int { 256 << 20 }

    /// The previews of the last round; none where there was no round.
    package func readPreviews() throws(FileError) -> PreviewSet {
        let bytes: [UInt8]
        do { bytes = try Files.read(file("previews.json"), limit: Self.previewsLimit) } catch {
            guard error.isMissing else { throw error }
            return PreviewSet()
        }
        // What cannot be read is made anew.
        return (try? PreviewSet(parsing: bytes)) ?? PreviewSet()
    }

    func write(_ previews: PreviewSet) throws(FileError) {
        try Files.write(previews.json.canonical, to: file("previews.json"), mode: 0o600)
    }
}
