import Declarations
import GitStore
import Telemetry

/// The bare repository of one daemon, as its worker left it. It outlives the daemon.
final class LocalRepository {
    var heads: Set<ObjectID> = []
    var newest: ObjectID?
    /// Nothing can be read of it until it is fetched anew.
    var isDamaged = false
    /// So many workers end before they have answered.
    var failures = 0
}

/// Answers a daemon's requests to its git worker, in the worker's own form: the request as JSON, the answer as frames.
///
/// `@unchecked Sendable`: used on the simulation's thread alone.
final class SimulatedGitWorker: @unchecked Sendable {
    private let incarnation: Incarnation
    private let repository: LocalRepository
    private var world: World { incarnation.world }

    init(incarnation: Incarnation, repository: LocalRepository) {
        self.incarnation = incarnation
        self.repository = repository
    }

    func exchange(_ request: WorkerRequest, deadline: Duration) async throws(GitError) -> WorkerAnswer {
        let received: WorkerRequest
        do { received = try WorkerRequest(json: request.json) } catch { preconditionFailure("\(error)") }
        guard incarnation.step() else { throw dead(request) }
        var outcome: Result<WorkerAnswer, GitError>
        if case .fetch(_, let branch) = received.operation {
            outcome = await fetch(received, branch: branch, deadline: deadline)
        } else {
            outcome = local(received)
        }
        guard !incarnation.isDead else { throw dead(request) }
        outcome = world.defect.git(outcome, request, world.remote)
        let answer: WorkerAnswer
        switch outcome {
        case .success(let value): answer = value
        case .failure(let error): answer = WorkerAnswer(.failure(error))
        }
        return try read(answer, request)
    }

    /// Once through the bytes that pass between the processes.
    private func read(_ answer: WorkerAnswer, _ request: WorkerRequest) throws(GitError) -> WorkerAnswer {
        let bytes: [UInt8] = answer.frames.flatMap { WorkerAnswer.prefix(of: $0) + $0 }
        do { return try WorkerAnswer(parsing: bytes) } catch {
            throw GitError(.worker, operation: request.title, message: error.description)
        }
    }

    private func dead(_ request: WorkerRequest) -> GitError {
        GitError(.cancelled, operation: request.title, message: "the daemon ended")
    }

    // MARK: The remote

    private func fetch(
        _ request: WorkerRequest, branch: String, deadline: Duration
    ) async -> Result<WorkerAnswer, GitError> {
        let reply: NetworkOutcome<ObjectID?> = await world.network.exchange(
            incarnation, .git, "fetch", timeout: deadline
        ) { [world] in world.remote.head }
        switch reply {
        case .answered(let head?):
            let rebuilt: String? = repository.isDamaged ? "the store was damaged" : nil
            if repository.isDamaged { repository.heads = [] }
            repository.isDamaged = false
            repository.heads.insert(head)
            let result = FetchResult(head: head, previous: repository.newest, rebuilt: rebuilt)
            repository.newest = head
            return .success(WorkerAnswer(.success(result.json)))
        case .answered(nil):
            return .failure(GitError(.branchNotFound, operation: request.title, message: "no branch \(branch)"))
        case .refused: return .failure(GitError(.unreachable, operation: request.title, message: "connection refused"))
        case .broken:
            return .failure(GitError(.remoteData, operation: request.title, message: "the pack ends early"))
        case .timedOut, .dead: return .failure(GitError(.deadline, operation: request.title, message: "no answer"))
        }
    }

    // MARK: What is in the repository

    private func local(_ request: WorkerRequest) -> Result<WorkerAnswer, GitError> {
        if repository.failures > 0 {
            repository.failures -= 1
            if world.defect == .unreadableIsEmpty, case .tree = request.operation {
                return .success(TreeListing(files: [], refusals: []).answer)
            } else if world.defect != .unreadableIsEmpty {
                return .failure(GitError(.worker, operation: request.title, message: "ended by signal 9", signal: 9))
            }
        }
        guard !repository.isDamaged else {
            return .failure(GitError(.corrupt, operation: request.title, message: "the store is damaged"))
        }
        switch request.operation {
        case .fetch, .branches: preconditionFailure("a fetch is not local, and no branch is planned here")
        case .signatures: preconditionFailure("signatures are not asked for here")
        case .resolve(let revision):
            return found(request, revision == "HEAD" ? repository.newest : ObjectID(hex: revision)) {
                .object(["id": .string($0.id.hex)])
            }
        case .commit(let id): return found(request, id) { world.gitCommit($0).json }
        case .isDescendant(let new, let old):
            if case .failure(let error) = found(request, old, { _ in .null }) { return .failure(error) }
            return found(request, new) {
                .object(["isDescendant": .bool(world.remote.isDescendant($0.id, of: old))])
            }
        case .commits(let old, let new, _):
            return found(request, new) { commit in
                let range: [SimulatedCommit] = world.remote.commits(after: old, through: commit.id)
                return ["commits": .array(range.map { world.gitCommit($0).json }), "isTruncated": false]
            }
        case .tree(let id, _, let known): return tree(request, id, known: Set(known))
        case .sources(let id, _, let questions, _):
            return found(request, id) { commit in
                GitSources(
                    answers: questions.map { _ in commit.id }, commits: [commit.id: world.gitCommit(commit)]
                ).json
            }
        case .keep(let id, _):
            return found(request, id) { commit in
                repository.heads.insert(commit.id)
                return .object([:])
            }
        }
    }

    private func tree(
        _ request: WorkerRequest, _ id: ObjectID, known: Set<ObjectID>
    ) -> Result<WorkerAnswer, GitError> {
        guard let commit = present(id) else { return .failure(missing(request)) }
        let files: [TreeListing.File] = commit.files.sorted { $0.key < $1.key }.map { path, file in
            TreeListing.File(
                path: path, blob: file.blob, size: file.bytes.count, bytes: known.contains(file.blob) ? nil : file.bytes
            )
        }
        // What stands behind the link is not there: only the refusal says that the listing is not complete.
        let isHalf: Bool = commit.fault == .symlink
        let refusals: [TreeListing.Refusal] =
            isHalf
            ? [.init(path: "HostGroup/g1.yaml", reason: .symlink, message: "a symbolic link, which is not followed")]
            : []
        let listed: [TreeListing.File] = isHalf ? files.filter { !$0.path.hasPrefix("HostGroup/g1") } : files
        return .success(TreeListing(files: listed, refusals: refusals).answer)
    }

    private func found(
        _ request: WorkerRequest, _ id: ObjectID?, _ body: (SimulatedCommit) -> JSONValue
    ) -> Result<WorkerAnswer, GitError> {
        guard let commit = id.flatMap(present) else { return .failure(missing(request)) }
        return .success(WorkerAnswer(.success(body(commit))))
    }

    /// A commit that some fetched head leads to.
    private func present(_ id: ObjectID) -> SimulatedCommit? {
        guard repository.heads.contains(where: { world.remote.isDescendant($0, of: id) }) else { return nil }
        return world.remote.commits[id]
    }

    private func missing(_ request: WorkerRequest) -> GitError {
        GitError(.revisionNotFound, operation: request.title, message: "no such commit here")
    }
}
