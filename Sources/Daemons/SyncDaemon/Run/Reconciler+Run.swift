import ConfigAPI
import Declarations
import GitStore
import Logging
package import Reconciliation
import Runtime
import Telemetry

/// What a run tells while it goes on.
package enum RunProgress: Sendable {
    case planned(RunReport)
    case finished(RunReport)
}

/// Everything that one run has come to so far.
struct RunInProgress {
    var report: RunReport
    var facts = RunFacts()
    /// The commit to enforce, and whether this run is to accept it.
    var commit: LoadedCommit?
    var isNew = false
    var permissions: Set<Permission> = []
    /// The commit that was enforced before.
    var previous: DeclaredState?
    var acceptedInfo: CommitInfo?
    /// What git says now is not known.
    var isGitUnknown = false
    /// What people had ordered when the run began.
    var orders: Enforcement = .plain
    /// An older commit than the accepted one is held, because a person pinned it.
    var isHeld = false
    /// When live state was first seen.
    var seenAt: Timestamp?
}

extension Reconciler {
    /// One run. Never throws: everything that goes wrong is in the report, which is also kept and sent.
    package func run(
        _ trigger: RunTrigger, fetches: Bool, requestedBy users: [String] = [],
        progress: @Sendable (RunProgress) async -> Void = { _ in }
    ) async -> RunReport {
        var run = RunInProgress(report: newReport(trigger))
        run.report.requestedBy = users
        if fetches { await fetch() }
        noteRemotes(&run)
        run.report.errors += notesForReport
        notesForReport = []
        if let fetchError {
            run.report.errors.append(fetchError)
            // Between fetches this is old news; what git says now is unknown all the same.
            run.isGitUnknown = fetches
        }
        await adoptAnchor()
        await sendOrders()
        run.orders = orders
        // What the server knows may have ended a first meeting, or said that enforcement is suspended.
        run.report.mode = mode
        await chooseCommit(&run)
        await enforce(&run, progress: progress)
        if Task.isCancelled {
            run.report.errors.append("the run was cut off: it took longer than cycle.timeout, or the program stops")
            run.facts.isFailed = true
        }
        finish(&run)
        noteDrift(&run)
        writeState(&run)
        let record: RunReport = store(run.report)
        await submit(record)
        await progress(.finished(run.report))
        return run.report
    }

    func newReport(_ trigger: RunTrigger) -> RunReport {
        RunReport(
            id: newID(), host: dependencies.host, trigger: trigger, mode: mode,
            startedAt: dependencies.now(), repository: answeringRemote ?? configuration.displayedURL,
            branch: configuration.repository.branch)
    }

    // MARK: Which commit

    private func chooseCommit(_ run: inout RunInProgress) async {
        if let accepted = state.acceptedCommit.flatMap(ObjectID.init(hex:)) {
            await useAccepted(accepted, &run)
        }
        let verdict: HeadVerdict?
        do { verdict = try await examineHead() } catch {
            run.report.errors.append(error.description)
            run.facts.isFailed = true
            // What people ordered holds also while the newest commit cannot be looked at.
            return await holdPinned(&run)
        }
        if await holds(verdict, &run) { return }
        switch verdict {
        case .accepted: return
        case .behind(let info): run.report.notices.append(behind(info))
        case nil:
            if run.commit == nil { run.facts.isFailed = true }
        case .refused(let info, let problems, let refusals): refuse(&run, info, problems, refusals)
        case .ready(let loaded, let info, let permissions, let signers): take(loaded, info, permissions, signers, &run)
        }
    }

    /// Makes a commit that is ready the one that this run is to accept.
    func take(
        _ loaded: LoadedCommit, _ info: CommitInfo, _ permissions: Set<Permission>, _ signers: [String],
        _ run: inout RunInProgress
    ) {
        run.report.signers = signers
        run.previous = run.commit?.declared
        run.report.previousCommit = run.report.commit?.id
        run.commit = loaded
        run.report.commit = info
        run.permissions = permissions
        run.isNew = true
    }

    private func useAccepted(_ id: ObjectID, _ run: inout RunInProgress) async {
        do {
            let loaded: LoadedCommit = try await loader.load(id)
            // It was valid once. A newer program may see it otherwise: then nothing is enforced, and that is said.
            guard loaded.declared != nil else {
                run.report.problems += loaded.problems
                run.facts.isFailed = true
                return
            }
            run.commit = loaded
            // A state directory that was lost knows nothing of what is to stay.
            if state.inventory.storeId == nil { noteKept(of: loaded) }
            run.acceptedInfo = loaded.info
            run.report.commit = run.acceptedInfo
        } catch {
            // An anchor from the server whose commit is not here yet; the head is judged against it below.
            if error.code != .revisionNotFound {
                run.report.errors.append(error.description)
                run.facts.isFailed = true
            }
        }
    }

    func refuse(_ run: inout RunInProgress, _ info: CommitInfo?, _ problems: [Diagnostic], _ refusals: [Refusal]) {
        run.report.refusedCommit = info
        run.report.problems += problems
        run.report.refusals += refusals
        run.facts.isRefused = true
    }

    /// Gives the new commit up within a run and goes back to the accepted one.
    func fallBack(_ run: inout RunInProgress, problems: [Diagnostic], refusals: [Refusal]) async {
        refuse(&run, run.report.commit, problems, refusals)
        run.isNew = false
        run.isHeld = false
        run.commit = nil
        run.report.commit = nil
        run.report.previousCommit = nil
        run.report.signers = []
        run.permissions = []
        run.previous = nil
        if let accepted = state.acceptedCommit.flatMap(ObjectID.init(hex:)) { await useAccepted(accepted, &run) }
    }

    // MARK: The end of a run

    private func finish(_ run: inout RunInProgress) {
        if run.isNew {
            // It could not be taken this time: what was enforced still is.
            if run.report.mode == .observe { run.report.waitingCommit = run.report.commit }
            run.report.commit = run.acceptedInfo
            run.report.previousCommit = nil
        }
        for change in run.report.changes {
            switch change.result {
            case .applied where change.causes.contains(.drift): run.facts.correctedDrift = true
            case .applied where change.action != .record: run.facts.appliedCommit = true
            case .failed: run.facts.isFailed = true
            case .reported, .contested: run.facts.leavesDifferences = true
            case .unverified where change.host != nil && run.report.knows(.agents):
                // The host answers, and still runs something else than it should.
                run.facts.leavesDifferences = true
            case .unverified: run.facts.hasUnknownTarget = true
            case .refused: run.facts.isRefused = true
            case .applied, .planned, .ignored, .tolerated: break
            }
        }
        run.facts.hasUnknownTarget = run.facts.hasUnknownTarget || run.isGitUnknown
        run.report.outcome = run.facts.outcome
        run.report.finishedAt = dependencies.now()
        run.report.lastFinishedAt = run.report.finishedAt
    }

    private func writeState(_ run: inout RunInProgress) {
        do { try persistState() } catch {
            run.report.errors.append(error.description)
            run.report.outcome = .failed
        }
    }

    private func store(_ report: RunReport) -> RunReport {
        do { return try log.append(report) } catch {
            dependencies.logger.error("report not kept", metadata: .of([.error: error.description]))
            noteFailure(.state, "a report was not kept: \(error.description)")
            return report
        }
    }
}
