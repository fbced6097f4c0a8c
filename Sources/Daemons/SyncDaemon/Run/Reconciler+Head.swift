import ConfigAPI
import ConfigAPIClient
import Declarations
import GitStore
import Logging
import Reconciliation
import Runtime
import Telemetry

/// What is to be thought of the newest commit, before any target is looked at.
enum HeadVerdict: Sendable {
    /// It is the accepted commit.
    case accepted
    /// It is valid and on top of the accepted one; guards have still to be asked.
    case ready(LoadedCommit, CommitInfo, Set<Permission>)
    case refused(CommitInfo, problems: [Diagnostic], refusals: [Refusal])
}

extension Reconciler {
    /// Fetches the branch. An error is remembered until a fetch succeeds, and the last good commit stays enforced.
    func fetch() async {
        do {
            let result = try await dependencies.git.fetch(configuration.remote, branch: configuration.repository.branch)
            state.head = result.head.hex
            fetchError = nil
            rejected = nil
        } catch {
            fetchError = error.description
            dependencies.logger.warning(
                "fetch failed", metadata: .of([.error: error.description, .remote: configuration.remote.displayedURL]))
        }
        lastFetchAt = dependencies.now()
    }

    /// Looks at the newest commit that was fetched; nil where none ever was.
    func examineHead() async throws(GitError) -> HeadVerdict? {
        guard let head = state.head.flatMap(ObjectID.init(hex:)) else { return nil }
        if head.hex == state.acceptedCommit { return .accepted }
        if let rejected, rejected.commit == head.hex {
            return .refused(try await loader.load(head).info, problems: rejected.problems, refusals: [])
        }
        if let examined, examined.head == head, examined.accepted == state.acceptedCommit { return examined.verdict }
        let verdict: HeadVerdict = try await examine(head)
        examined = (head, state.acceptedCommit, verdict)
        return verdict
    }

    private func examine(_ head: ObjectID) async throws(GitError) -> HeadVerdict {
        let info = CommitInfo(try await dependencies.git.commit(head))
        var messages: [String] = []
        if let accepted = state.acceptedCommit.flatMap(ObjectID.init(hex:)), state.permittedRewrite?.commit != head.hex
        {
            guard try await descends(head, from: accepted) else {
                return .refused(info, problems: [], refusals: [rewritten(info, accepted: accepted)])
            }
            messages = try await dependencies.git.commits(after: accepted, through: head).commits.map(\.message)
        } else {
            messages = [try await dependencies.git.commit(head).message]
        }
        let loaded: LoadedCommit = try await loader.load(head)
        guard loaded.declared != nil else { return .refused(info, problems: loaded.problems, refusals: []) }
        return .ready(loaded, info, permissions(in: messages))
    }

    private func descends(_ head: ObjectID, from accepted: ObjectID) async throws(GitError) -> Bool {
        do { return try await dependencies.git.isDescendant(head, of: accepted) } catch {
            // The accepted commit is not in the repository at all: then the head does not contain it either.
            guard error.code == .revisionNotFound else { throw error }
            return false
        }
    }

    private func rewritten(_ info: CommitInfo, accepted: ObjectID) -> Refusal {
        Refusal(
            guardName: .rewrittenHistory,
            message: "\(configuration.repository.branch) is now at \(info.id.prefix(10)), which does not contain the "
                + "accepted commit \(accepted.hex.prefix(10)): its history was rewritten. Push a branch that does, or "
                + "run: gitops-sync accept \(info.id.prefix(10)) --reason TEXT",
            resources: [])
    }

    /// Once after each start: the later of the server's accepted commit and ours counts. A state directory can be lost, or
    /// be an old copy; a store can be restored from a backup. The anchor only moves forward.
    func adoptAnchor() async {
        guard configuration.mode == .enforce, !hasAskedForAnchor else { return }
        guard let lease = try? await takeLease() else { return }
        hasAskedForAnchor = true
        guard let known = lease.acceptedCommit else { return await tellAnchor() }
        guard known != state.acceptedCommit else { return }
        switch await laterAnchor(known) {
        case .server: state.acceptedCommit = known
        case .ours: await tellAnchor()
        case .neither: break
        }
    }

    private enum LaterAnchor { case server, ours, neither }

    private func laterAnchor(_ known: String) async -> LaterAnchor {
        guard let own = state.acceptedCommit.flatMap(ObjectID.init(hex:)), let theirs = ObjectID(hex: known) else {
            return .server
        }
        do {
            if try await dependencies.git.isDescendant(theirs, of: own) { return .server }
            return try await descends(own, from: theirs) ? .ours : .neither
        } catch {
            // Not here: what we accepted we have, with all that came before it, so theirs came later.
            return error.code == .revisionNotFound ? .server : .neither
        }
    }

    /// A store that was restored learns what is accepted.
    private func tellAnchor() async {
        guard let own = state.acceptedCommit else { return }
        _ = try? await takeLease(accepting: own)
    }

    /// `target`: the server where it is left out.
    func takeLease(
        accepting commit: String? = nil, on target: (any ReconcileTarget)? = nil
    ) async throws(TargetError) -> Lease {
        // Three intervals, so that one late look does not lose it. With long intervals it ends between two looks, and
        // each look takes it anew.
        let wanted = PromDuration(milliseconds: max(30_000, configuration.driftInterval.milliseconds * 3))
        return try await (target ?? dependencies.target).lease(
            LeaseRequest(
                source: configuration.source, holder: holder, ttl: min(wanted, LeaseRequest.times.upperBound),
                acceptedCommit: commit))
    }
}

extension CommitInfo {
    init(_ commit: GitCommit) {
        self.init(
            id: commit.id.hex, author: commit.author.name, committedAt: commit.committedAt, subject: commit.subject)
    }
}
