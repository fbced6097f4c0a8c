import Declarations

/// What fetching from the first of several remotes that answers brought.
package struct FetchFromSeveral: Hashable, Sendable {
    package var result: FetchResult
    /// The one that answered.
    package var remote: GitRemote
    /// Why those before it did not.
    package var failures: [GitError]
}

extension GitStore {
    /// Fetches the branch from the first remote that answers. All of them together have the fetch's deadline: each may
    /// use its equal share of what is left, so a dead one in front costs time and not the run.
    package func fetch(
        _ remotes: [GitRemote], branch: String
    ) async throws(GitError) -> FetchFromSeveral {
        var failures: [GitError] = []
        var left: Duration = configuration.fetchDeadline
        for (index, remote) in remotes.enumerated() {
            let share: Duration = left / (remotes.count - index)
            let start: ContinuousClock.Instant = .now
            switch await attempt(remote, branch: branch, deadline: share) {
            case .success(let result): return FetchFromSeveral(result: result, remote: remote, failures: failures)
            case .failure(let error):
                guard error.mayBeTheRemotes else { throw error }
                failures.append(error)
            }
            left = max(.seconds(1), left - start.duration(to: .now))
        }
        throw GitError(joining: failures, branch: branch)
    }

    /// The branches of the first remote that answers.
    package func branches(ofFirst remotes: [GitRemote]) async throws(GitError) -> [RemoteBranch] {
        var failures: [GitError] = []
        for remote in remotes {
            do { return try await branches(of: remote) } catch {
                guard error.mayBeTheRemotes else { throw error }
                failures.append(error)
            }
        }
        throw GitError(joining: failures, branch: "the list of branches")
    }

    private func attempt(
        _ remote: GitRemote, branch: String, deadline: Duration
    ) async -> Result<FetchResult, GitError> {
        do { return .success(try await fetch(remote, branch: branch, deadline: deadline)) } catch {
            return .failure(error)
        }
    }
}

extension GitError {
    /// Whether another remote may do better: not where our own store or the caller is the reason.
    fileprivate var mayBeTheRemotes: Bool {
        switch code {
        case .storage, .busy, .cancelled: false
        default: true
        }
    }

    /// One error for several remotes that all failed.
    fileprivate init(joining failures: [GitError], branch: String) {
        guard failures.count > 1, let first = failures.first else {
            self =
                failures.first
                ?? GitError(.configuration, operation: "fetching \(branch)", message: "no remote is configured")
            return
        }
        self.init(
            first.code, operation: "fetching \(branch)",
            message: "none of \(failures.count) remotes answered: "
                + failures.map { "(\($0.description))" }.joined(separator: ", "),
            branches: first.branches, signal: first.signal)
    }
}
