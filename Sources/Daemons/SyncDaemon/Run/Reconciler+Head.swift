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
    case ready(LoadedCommit, CommitInfo, Set<Permission>, signers: [String])
    /// The remote that answered has not got the accepted commit yet: nothing is taken back for that.
    case behind(CommitInfo)
    case refused(CommitInfo, problems: [Diagnostic], refusals: [Refusal])
}

extension Reconciler {
    /// Fetches the branch. An error is remembered until a fetch succeeds, and the last good commit stays enforced.
    func fetch() async {
        // A verdict may have lost its reason: a key was added or revoked, a signer's date came or passed.
        switch examined?.verdict {
        case .refused: examined = nil
        case .ready where configuration.trust.policy != .none: examined = nil
        case .ready, .accepted, .behind, nil: break
        }
        silentRemotes = []
        do {
            let fetched = try await dependencies.git.fetch(
                configuration.remotes, branch: configuration.repository.branch)
            state.head = fetched.result.head.hex
            answeringRemote = fetched.remote.displayedURL
            silentRemotes = fetched.failures.map(\.description)
            fetchError = nil
            rejected = nil
        } catch {
            fetchError = error.description
            dependencies.logger.warning(
                "fetch failed", metadata: .of([.error: error.description, .remote: configuration.displayedURL]))
        }
        lastFetchAt = dependencies.now()
    }

    /// Says in the report where git was read.
    func noteRemotes(_ run: inout RunInProgress) {
        guard let answeringRemote else { return }
        run.report.repository = answeringRemote
        run.report.notices += silentRemotes.map { "read from \(answeringRemote) instead: \($0)" }
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

    func examine(_ head: ObjectID) async throws(GitError) -> HeadVerdict {
        let newest: GitCommit = try await dependencies.git.commit(head)
        let info = CommitInfo(newest)
        let accepted: ObjectID? = state.acceptedCommit.flatMap(ObjectID.init(hex:))
        if let accepted, state.permittedRewrite?.commit != head.hex {
            let contains: Bool = try await descends(head, from: accepted)
            if !contains, try await isBehind(head, accepted) { return .behind(info) }
            let refusal: Refusal? = rewrittenHistoryRefusal(
                branch: configuration.repository.branch, head: head.hex, accepted: accepted.hex, contains: contains)
            if let refusal { return .refused(info, problems: [], refusals: [refusal]) }
        }
        let new: CommitRange = try await newCommits(through: newest, accepted: accepted)
        let signers: [String]
        switch try await judgeSignatures(of: new, through: head) {
        case .trusted(let names): signers = names
        case .refused(let refusal): return .refused(info, problems: [], refusals: [refusal])
        }
        let loaded: LoadedCommit = try await loader.load(head)
        guard loaded.declared != nil else { return .refused(info, problems: loaded.problems, refusals: []) }
        return .ready(loaded, info, permissions(in: new.commits.map(\.message)), signers: signers)
    }

    /// What is to be judged and may speak: every commit on any parent since the accepted one. Where none was accepted,
    /// the newest alone, and what came since a first meeting began.
    func newCommits(through head: GitCommit, accepted: ObjectID?) async throws(GitError) -> CommitRange {
        let newest = CommitRange(commits: [head], isTruncated: false)
        if let accepted {
            return try await unlessMissing(newest) { () async throws(GitError) in
                try await dependencies.git.commits(after: accepted, through: head.id)
            }
        }
        guard let first = state.firstMeeting?.commit.flatMap(ObjectID.init(hex:)), first != head.id,
            try await descends(head.id, from: first)
        else { return newest }
        var new: CommitRange = try await dependencies.git.commits(after: first, through: head.id)
        new.commits.append(try await dependencies.git.commit(first))
        return new
    }

    /// `fallback` where the repository has not got a commit that is asked for: one that was rewritten away.
    private func unlessMissing<Value>(
        _ fallback: Value, _ body: () async throws(GitError) -> Value
    ) async throws(GitError) -> Value {
        do { return try await body() } catch {
            guard error.code == .revisionNotFound else { throw error }
            return fallback
        }
    }

    /// With several remotes the one that answers may be a copy that lags. A single one that lost the accepted commit was
    /// rewritten.
    private func isBehind(_ head: ObjectID, _ accepted: ObjectID) async throws(GitError) -> Bool {
        guard configuration.remotes.count > 1 else { return false }
        return try await descends(accepted, from: head)
    }

    func behind(_ info: CommitInfo) -> String {
        "\(answeringRemote ?? configuration.displayedURL) is at \(info.id.prefix(10)), behind the accepted commit; "
            + "that one stays enforced"
    }

    func descends(_ head: ObjectID, from accepted: ObjectID) async throws(GitError) -> Bool {
        do { return try await dependencies.git.isDescendant(head, of: accepted) } catch {
            // The accepted commit is not in the repository at all: then the head does not contain it either.
            guard error.code == .revisionNotFound else { throw error }
            return false
        }
    }

    /// Once after each start: the later of the server's accepted commit and ours counts, and of what people ordered. A
    /// state directory can be lost, or be an old copy; a store can be restored from a backup. The anchor only moves forward.
    func adoptAnchor() async {
        guard configuration.mode == .enforce, !hasAskedForAnchor else { return }
        guard let lease = try? await takeLease() else { return }
        hasAskedForAnchor = true
        guard let known = lease.acceptedCommit else { return await tellAnchor() }
        guard known != state.acceptedCommit else { return }
        switch await laterAnchor(known) {
        case .server: takeOver(known)
        case .ours: await tellAnchor()
        // The server has not heard of what a person permitted.
        case .neither where state.permittedRewrite?.commit == state.acceptedCommit: await tellAnchor()
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
        try? await writeAnchor(own)
    }

    /// `target`: the server where it is left out; what people ordered is remembered there.
    func takeLease(
        accepting commit: String? = nil, orders: JSONValue? = nil, on target: (any ReconcileTarget)? = nil
    ) async throws(TargetError) -> Lease {
        // Three intervals, so that one late look does not lose it. With long intervals it ends between two looks, and
        // each look takes it anew.
        let wanted = PromDuration(milliseconds: max(30_000, configuration.driftInterval.milliseconds * 3))
        let lease: Lease = try await (target ?? dependencies.target).lease(
            LeaseRequest(
                source: configuration.source, holder: holder, ttl: min(wanted, LeaseRequest.times.upperBound),
                acceptedCommit: commit, enforcement: orders))
        if target == nil { learnOrders(from: lease) }
        return lease
    }
}

extension CommitInfo {
    init(_ commit: GitCommit) {
        self.init(
            id: commit.id.hex, author: commit.author.name, committedAt: commit.committedAt, subject: commit.subject)
    }
}
