import CLibgit2
import Declarations

/// What a worker can be asked for.
struct WorkerOperations {
    let request: WorkerRequest
    let folder: StoreFolder

    init(_ request: WorkerRequest) {
        self.request = request
        folder = StoreFolder(path: request.folder)
    }

    func run() throws(GitError) -> WorkerAnswer {
        switch request.operation {
        case .fetch(let remote, let branch):
            let fetching = Fetching(
                folder: folder, remote: remote, branch: branch, limits: request.limits, operation: request.title)
            return WorkerAnswer(.success(try fetching.run().json))
        case .branches(let remote):
            let fetching = Fetching(
                folder: folder, remote: remote, branch: "", limits: request.limits, operation: request.title)
            return WorkerAnswer(.success(["branches": try fetching.branches().json]))
        default: break
        }
        let guardian = FileLock(folder.lock, .shared)
        defer { _ = guardian }
        do throws(GitError) {
            return try read(RepositoryReader(try folder.open(request.title), operation: request.title))
        } catch {
            // The next fetch is told, by whatever program it is made.
            if error.code == .corrupt { folder.markDamaged(error.message) }
            throw error
        }
    }

    private func read(_ reader: borrowing RepositoryReader) throws(GitError) -> WorkerAnswer {
        switch request.operation {
        case .fetch, .branches: preconditionFailure("what asks a remote is no reading operation")
        case .resolve(let revision):
            return WorkerAnswer(.success(["id": .string(try reader.resolve(revision).hex)]))
        case .commit(let id): return WorkerAnswer(.success(try reader.commit(id).json))
        case .isDescendant(let new, let old):
            return WorkerAnswer(.success(["isDescendant": .bool(try reader.isDescendant(new, of: old))]))
        case .commits(let old, let new, let most):
            let range: CommitRange = try reader.commits(after: old, through: new, atMost: most)
            return WorkerAnswer(
                .success(["commits": range.commits.json, "isTruncated": .bool(range.isTruncated)]))
        case .tree(let commit, let filter, let known):
            return try reader.tree(of: commit, filter, known: Set(known), limits: request.limits).answer
        case .sources(let commit, let root, let questions, let budget):
            return WorkerAnswer(
                .success(
                    try reader.sources(
                        at: commit, root: root, of: questions,
                        bounds: SourceSearch.Bounds(
                            commits: request.limits.searchedCommits, budget: .milliseconds(budget))
                    )
                    .json))
        case .signatures(let commits):
            return WorkerAnswer(try reader.signatures(of: commits, atMost: request.limits.totalBytes))
        case .keep(let commit, let name):
            try reader.keep(commit, as: name)
            return WorkerAnswer(.success(.null))
        }
    }
}
