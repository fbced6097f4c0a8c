import Declarations

/// A repository of our own that follows branches of remotes: bare, disposable, never anybody's work tree.
///
/// Each call starts a worker process, which alone calls libgit2, and ends it: a remote that hangs, bytes that crash the
/// library and memory that leaks in it cost one call. The store is safe to use from several tasks and programs at once;
/// of two fetches at the same time the second is told that the store is busy.
package struct GitStore: Sendable {
    package struct Configuration: Sendable {
        /// The folder that the store lives in; made when it is first needed, for its owner alone.
        package var folder: String
        package var worker: WorkerProgram
        /// How long a fetch may take.
        package var fetchDeadline: Duration
        /// How long any other call may take.
        package var readDeadline: Duration
        package var limits: GitLimits

        package init(
            folder: String, worker: WorkerProgram = .current, fetchDeadline: Duration = .seconds(60),
            readDeadline: Duration = .seconds(30), limits: GitLimits = GitLimits()
        ) {
            self.folder = folder
            self.worker = worker
            self.fetchDeadline = fetchDeadline
            self.readDeadline = readDeadline
            self.limits = limits
        }
    }

    /// Asks a worker: the request, how long it may take, and how many bytes the answer may have.
    package typealias Exchange = @Sendable (WorkerRequest, Duration, Int) async throws(GitError) -> WorkerAnswer

    package let configuration: Configuration
    private let exchange: Exchange

    package init(_ configuration: Configuration) {
        self.configuration = configuration
        let worker = WorkerProcess(program: configuration.worker)
        exchange = { (request, deadline, limit) async throws(GitError) in
            try await worker.answer(to: request, deadline: deadline, outputLimit: limit)
        }
    }

    /// A store whose worker is another than a process.
    package init(_ configuration: Configuration, exchange: @escaping Exchange) {
        self.configuration = configuration
        self.exchange = exchange
    }

    /// Brings the branch's present head and what it needs into the store. Does not judge it: a rewritten branch is
    /// fetched too, and ``isDescendant(_:of:)`` tells. Makes the store where there is none or where it is damaged; an
    /// attempt that fails leaves what was there.
    package func fetch(
        _ remote: GitRemote, branch: String, deadline: Duration? = nil
    ) async throws(GitError) -> FetchResult {
        try remote.check()
        return try await value(
            of: .fetch(remote: remote, branch: branch), deadline: deadline ?? configuration.fetchDeadline)
    }

    /// The branches of a remote, by name; nothing is fetched.
    package func branches(of remote: GitRemote) async throws(GitError) -> [RemoteBranch] {
        try remote.check()
        let (result, _) = try await ask(.branches(remote: remote), deadline: configuration.fetchDeadline)
        return try read("branches") { () throws(JSONFormError) in try JSONObjectReader(result).list("branches") }
    }

    /// The commit that a revision names: an id or the start of one, a fetched branch, `HEAD` for the branch that was
    /// fetched last, and what git writes behind them (`main~3`).
    package func resolve(_ revision: String) async throws(GitError) -> ObjectID {
        let (result, _) = try await ask(.resolve(revision: revision))
        return try read(revision) { () throws(JSONFormError) in try JSONObjectReader(result).objectID("id") }
    }

    package func commit(_ id: ObjectID) async throws(GitError) -> GitCommit { try await value(of: .commit(id)) }

    /// Whether `old` is `new` or one of its ancestors, so that going from `old` to `new` loses no commit.
    package func isDescendant(_ new: ObjectID, of old: ObjectID) async throws(GitError) -> Bool {
        try await ask(.isDescendant(new, of: old)).result["isDescendant"] == .bool(true)
    }

    /// The commits that `new` has and `old` has not, over all parents, newest first.
    package func commits(
        after old: ObjectID?, through new: ObjectID, atMost: Int = 1000
    ) async throws(GitError) -> CommitRange {
        let (result, _) = try await ask(.commits(after: old, through: new, atMost: atMost))
        return try read("commits") { () throws(JSONFormError) in
            let reader = try JSONObjectReader(result)
            return CommitRange(
                commits: try reader.list("commits"), isTruncated: try reader.bool("isTruncated", default: false))
        }
    }

    /// The commits with their signatures, in the order of `ids`, for ``SignatureChecker`` to judge.
    package func signatures(of ids: [ObjectID]) async throws(GitError) -> [SignedCommit] {
        guard !ids.isEmpty else { return [] }
        let (result, blobs) = try await ask(.signatures(of: ids))
        return try read("signatures") { () throws(JSONFormError) in
            try WorkerAnswer.signedCommits(header: result, blobs: blobs)
        }
    }

    /// The files of a commit that the filter wants. Blobs in `known` come without their bytes.
    package func tree(
        of commit: ObjectID, _ filter: TreeFilter = TreeFilter(), known: Set<ObjectID> = []
    ) async throws(GitError) -> TreeListing {
        let (result, blobs) = try await ask(.tree(commit: commit, filter: filter, known: Array(known)))
        return try read("files") { () throws(JSONFormError) in try TreeListing(header: result, blobs: blobs) }
    }

    /// Which commits last changed these files or lines, as far back as limits and `budget` allow.
    package func sources(
        at commit: ObjectID, root: String = "", of questions: [SourceQuestion], budget: Duration = .seconds(5)
    ) async throws(GitError) -> GitSources {
        let milliseconds = Int(budget.components.seconds) * 1000
        return try await value(
            of: .sources(commit: commit, root: root, questions: questions, budgetMilliseconds: milliseconds),
            deadline: configuration.readDeadline + budget)
    }

    /// Holds on to a commit under a name, even where its branch is rewritten and the store packed anew. A name holds
    /// one commit: the last.
    package func keep(_ commit: ObjectID, as name: String) async throws(GitError) {
        _ = try await ask(.keep(commit, name: name))
    }
}

extension GitStore {
    private func ask(
        _ operation: WorkerRequest.Operation, deadline: Duration? = nil
    ) async throws(GitError) -> (result: JSONValue, blobs: [[UInt8]]) {
        let limit: Duration = deadline ?? configuration.readDeadline
        let request = WorkerRequest(
            folder: configuration.folder, deadlineSeconds: Int(limit.components.seconds) + 5,
            limits: configuration.limits, operation: operation)
        let answer = try await exchange(request, limit, configuration.limits.totalBytes + Self.headerBytes)
        return (try answer.outcome.get(), answer.blobs)
    }

    private func value<Value: JSONCodable>(
        of operation: WorkerRequest.Operation, deadline: Duration? = nil, as type: Value.Type = Value.self
    ) async throws(GitError) -> Value {
        let (result, _) = try await ask(operation, deadline: deadline)
        return try read("\(type)") { () throws(JSONFormError) in try Value(json: result) }
    }

    private func read<Value>(_ what: String, _ body: () throws(JSONFormError) -> Value) throws(GitError) -> Value {
        do { return try body() } catch {
            throw GitError(.worker, operation: "reading the git worker's answer (\(what))", message: "\(error)")
        }
    }

    /// For paths, commits and messages beside the files themselves.
    private static let headerBytes = 96 << 20
}
