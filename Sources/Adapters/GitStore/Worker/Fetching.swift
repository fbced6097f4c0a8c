import CLibgit2
import Glibc

/// One fetch of one branch: into the repository that is there, or into a new one that takes its place.
struct Fetching {
    let folder: StoreFolder
    let remote: GitRemote
    let branch: String
    let limits: GitLimits
    let operation: String

    private var wanted: String { "refs/heads/\(branch)" }
    private var ours: String { "\(StoreFolder.fetched)\(branch)" }

    func run() throws(GitError) -> FetchResult {
        try checkBranchName()
        let guardian: FileLock = try takeLock()
        folder.removeLeftovers()
        try prepareHome()
        let result: FetchResult = try fetchOrRebuild()
        if folder.packs > limits.packs { compact() }
        _ = consume guardian
        return result
    }

    /// The branches that the remote has; nothing is fetched.
    func branches() throws(GitError) -> [RemoteBranch] {
        let guardian: FileLock = try takeLock()
        try prepareHome()
        let session = FetchSession(remote: remote, limits: limits, operation: operation)
        let source: Handle<RemoteKind> = try calling { () throws(LibraryFailure) in
            let source = try Handle<RemoteKind> { unsafe git_remote_create_detached($0, remote.url) }
            try session.connect(source)
            return source
        } failing: { failure in
            session.refusal ?? failure.at(remote, operation)
        }
        let found: [RemoteBranch] = try advertised(source)
        _ = consume guardian
        return found
    }

    private func takeLock() throws(GitError) -> FileLock {
        try Files.makeFolder(folder.path, operation)
        guard let guardian = FileLock(folder.fetchLock, .exclusiveNow) else {
            throw GitError(.busy, operation: operation, message: "another fetch into \(folder.path) is under way")
        }
        return guardian
    }

    private func fetchOrRebuild() throws(GitError) -> FetchResult {
        guard Files.exists(folder.repository) else { return try rebuild(because: nil) }
        if let damage = folder.damage { return try rebuild(because: damage) }
        do throws(GitError) {
            return try fetch(into: try folder.open(operation))
        } catch {
            guard error.code == .corrupt else { throw error }
            return try rebuild(because: error.message)
        }
    }

    /// Fetches everything into a new repository and puts it in the place of the old one. The old one stays until then:
    /// a remote that is away takes nothing from us.
    private func rebuild(because reason: String?) throws(GitError) -> FetchResult {
        do throws(GitError) {
            var result: FetchResult = try fetch(into: try newRepository())
            if reason != nil { salvageKept() }
            try folder.replaceRepository(operation)
            result.rebuilt = reason
            return result
        } catch {
            Files.remove(folder.incoming)
            guard error.code == .corrupt else { throw error }
            throw GitError(
                .remoteData, operation: operation, message: "what the remote sends cannot be used: \(error.message)")
        }
    }

    private func newRepository() throws(GitError) -> Handle<RepositoryKind> {
        Files.remove(folder.incoming)
        do {
            return try Handle { unsafe git_repository_init($0, folder.incoming, 1) }
        } catch {
            throw error.inStore(operation)
        }
    }

    /// Takes the commits that somebody holds on to out of the damaged repository, as far as that can be done.
    private func salvageKept() {
        let refspec = "+\(StoreFolder.kept)*:\(StoreFolder.kept)*"
        guard let target = try? Handle<RepositoryKind>({ unsafe git_repository_open_bare($0, folder.incoming) })
        else { return }
        try? copy(from: folder.repository, into: target, refspec)
    }

    /// Makes one pack of many. Failing costs nothing: the store stays as it is, and the next fetch tries again.
    private func compact() {
        do throws(GitError) {
            let target: Handle<RepositoryKind> = try newRepository()
            try copy(from: folder.repository, into: target, "+refs/plumbline/*:refs/plumbline/*")
            pointHead(of: target)
            try folder.replaceRepository(operation)
        } catch {
            Files.remove(folder.incoming)
        }
    }

    private func copy(
        from path: String, into target: borrowing Handle<RepositoryKind>, _ refspec: String
    ) throws(GitError) {
        let session = FetchSession(remote: GitRemote(url: path), limits: limits, operation: operation)
        do throws(LibraryFailure) {
            let source = try Handle<RemoteKind> { unsafe git_remote_create_anonymous($0, target.pointer, path) }
            try session.fetch(source, refspec)
        } catch {
            throw error.inStore(operation)
        }
    }

    private func fetch(into repository: consuming Handle<RepositoryKind>) throws(GitError) -> FetchResult {
        let previous: ObjectID? = id(of: ours, in: repository)
        let session = FetchSession(remote: remote, limits: limits, operation: operation)
        let source: Handle<RemoteKind> = try connected(session, repository)
        let head: ObjectID = try headOfBranch(source)
        if head == previous, isReadable(head, in: repository) {
            pointHead(of: repository)
            return FetchResult(head: head, previous: previous)
        }
        do throws(LibraryFailure) {
            removeReferencesInTheWay(in: repository)
            try session.fetch(source, "+\(wanted):\(ours)")
        } catch {
            throw session.refusal ?? error.duringTransfer(remote, operation)
        }
        // Not the head that was advertised, where the branch moved in between: what is there now counts.
        guard let fetched = id(of: ours, in: repository), isReadable(fetched, in: repository) else {
            throw GitError(.corrupt, operation: operation, message: "the fetched commit cannot be read")
        }
        pointHead(of: repository)
        return FetchResult(
            head: fetched, previous: previous, receivedBytes: session.receivedBytes,
            receivedObjects: session.receivedObjects)
    }

    private func connected(
        _ session: FetchSession, _ repository: borrowing Handle<RepositoryKind>
    ) throws(GitError) -> Handle<RemoteKind> {
        try calling { () throws(LibraryFailure) in
            let source = try Handle<RemoteKind> {
                unsafe git_remote_create_anonymous($0, repository.pointer, remote.url)
            }
            try session.connect(source)
            return source
        } failing: { failure in
            session.refusal ?? failure.at(remote, operation)
        }
    }

    /// The commit that the remote advertises for the branch.
    private func headOfBranch(_ source: borrowing Handle<RemoteKind>) throws(GitError) -> ObjectID {
        let present: [RemoteBranch] = try advertised(source)
        if let found = present.first(where: { $0.name == branch }) { return found.head }
        let branches: [String] = present.map(\.name)
        let known: String =
            branches.isEmpty ? "it has none yet" : "it has \(branches.prefix(20).joined(separator: ", "))"
        throw GitError(
            .branchNotFound, operation: operation, message: "the remote has no branch \"\(branch)\": \(known)",
            branches: branches)
    }

    /// What the remote says that it has, by name.
    private func advertised(_ source: borrowing Handle<RemoteKind>) throws(GitError) -> [RemoteBranch] {
        var branches: [RemoteBranch] = []
        do throws(LibraryFailure) {
            var heads: UnsafeMutablePointer<UnsafePointer<git_remote_head>?>?
            var count = 0
            try git(unsafe git_remote_ls(&heads, &count, source.pointer))
            for index in 0..<count {
                guard let head = unsafe heads?[index], let text = unsafe head.pointee.name else { continue }
                let name = unsafe String(cString: text)
                guard name.hasPrefix("refs/heads/") else { continue }
                let id = unsafe ObjectID(head.pointee.oid)
                branches.append(RemoteBranch(name: String(name.dropFirst("refs/heads/".count)), head: id))
            }
        } catch {
            throw error.at(remote, operation)
        }
        return branches.sorted { $0.name < $1.name }
    }

    private func id(of reference: String, in repository: borrowing Handle<RepositoryKind>) -> ObjectID? {
        var oid = git_oid()
        return unsafe git_reference_name_to_id(&oid, repository.pointer, reference) == 0 ? ObjectID(oid) : nil
    }

    /// Whether commit and root tree are there: what a store that lost its objects would not have.
    private func isReadable(_ id: ObjectID, in repository: borrowing Handle<RepositoryKind>) -> Bool {
        do throws(LibraryFailure) {
            var oid: git_oid = id.oid
            let commit = try Handle<CommitKind> { unsafe git_commit_lookup($0, repository.pointer, &oid) }
            _ = try Handle<TreeKind> { unsafe git_commit_tree($0, commit.pointer) }
            return true
        } catch {
            return false
        }
    }

    /// `HEAD` names the branch that was fetched last, so that people can write `HEAD~1`.
    private func pointHead(of repository: borrowing Handle<RepositoryKind>) {
        _ = try? Handle<ReferenceKind> {
            unsafe git_reference_symbolic_create($0, repository.pointer, "HEAD", ours, 1, nil)
        }
    }

    /// A branch `a` that was followed once keeps a branch `a/b` from having a reference: one is a file, the other needs
    /// a folder of that name.
    private func removeReferencesInTheWay(in repository: borrowing Handle<RepositoryKind>) {
        var list = unsafe git_strarray()
        guard unsafe git_reference_list(&list, repository.pointer) == 0 else { return }
        defer { unsafe git_strarray_dispose(&list) }
        for index in 0..<(unsafe list.count) {
            guard let text = unsafe list.strings[index] else { continue }
            let name = unsafe String(cString: text)
            guard name.hasPrefix("\(ours)/") || (name.hasPrefix(StoreFolder.fetched) && ours.hasPrefix("\(name)/"))
            else { continue }
            _ = unsafe git_reference_remove(repository.pointer, name)
        }
    }

    private func checkBranchName() throws(GitError) {
        var isValid: Int32 = 0
        guard unsafe git_reference_name_is_valid(&isValid, wanted) == 0, isValid == 1, !branch.contains("*") else {
            throw GitError(.configuration, operation: operation, message: "\"\(branch)\" is no name of a branch")
        }
    }

    /// libgit2 reads known hosts from the home folder only, so the worker's home folder holds what is configured.
    private func prepareHome() throws(GitError) {
        try Files.makeFolder("\(folder.home)/.ssh", operation)
        do throws(FileProblem) {
            let known: [UInt8] =
                try remote.knownHostsFile.map { path throws(FileProblem) in try Files.read(path) } ?? []
            try Files.write(known, to: "\(folder.home)/.ssh/known_hosts")
        } catch {
            throw GitError(.configuration, operation: operation, message: error.message)
        }
    }
}

extension LibraryFailure {
    /// The failure of a transfer, after the remote was reached: the network's, or the store's, or of what was sent.
    fileprivate func duringTransfer(_ remote: GitRemote, _ operation: String) -> GitError {
        switch area {
        case GIT_ERROR_NET, GIT_ERROR_HTTP, GIT_ERROR_SSH, GIT_ERROR_SSL: at(remote, operation)
        // A broken connection is an error of the system like a full disk; only the text tells.
        case GIT_ERROR_OS where text.contains("socket") || text.contains("onnect"): at(remote, operation)
        default: inStore(operation)
        }
    }
}
