import CLibgit2
import Glibc
import Telemetry

/// Answers questions about one open repository.
struct RepositoryReader: ~Copyable {
    let repository: Handle<RepositoryKind>
    let operation: String

    init(_ repository: consuming Handle<RepositoryKind>, operation: String) {
        self.repository = repository
        self.operation = operation
    }

    /// Runs calls that fail only if the store does.
    func inStore<Value: ~Copyable>(
        _ body: () throws(LibraryFailure) -> Value
    ) throws(GitError) -> Value {
        try calling(body) { $0.inStore(operation) }
    }

    /// The commit of an id that somebody gave, which the store may not have.
    func lookUp(_ id: ObjectID) throws(GitError) -> Handle<CommitKind> {
        var oid: git_oid = id.oid
        do { return try Handle { unsafe git_commit_lookup($0, repository.pointer, &oid) } } catch {
            if error.code == .notFound, error.area != GIT_ERROR_ZLIB {
                throw GitError(
                    .revisionNotFound, operation: operation, message: "the store has no commit \(id.hex)")
            }
            if error.area == GIT_ERROR_INVALID {
                throw GitError(.revisionNotFound, operation: operation, message: "\(id.hex) is no commit")
            }
            throw error.inStore(operation)
        }
    }

    func commit(_ id: ObjectID) throws(GitError) -> GitCommit { GitCommit(try lookUp(id)) }

    func resolve(_ revision: String) throws(GitError) -> ObjectID {
        for candidate in ["\(StoreFolder.fetched)\(revision)", revision] {
            do throws(LibraryFailure) {
                let found = try Handle<ObjectKind> {
                    unsafe git_revparse_single($0, repository.pointer, candidate)
                }
                let peeled = try Handle<ObjectKind> {
                    unsafe git_object_peel($0, found.pointer, GIT_OBJECT_COMMIT)
                }
                return unsafe ObjectID(copying: git_object_id(peeled.pointer))
            } catch {
                switch error.code {
                case .notFound, .invalidSpecification: continue
                case .ambiguous:
                    throw GitError(
                        .revisionNotFound, operation: operation, message: "several objects' ids start that way")
                case .cannotPeel:
                    throw GitError(.revisionNotFound, operation: operation, message: "that is no commit")
                default: throw error.inStore(operation)
                }
            }
        }
        throw GitError(
            .revisionNotFound, operation: operation,
            message: "what was fetched holds no branch, tag or commit of that name; push it first")
    }

    func isDescendant(_ new: ObjectID, of old: ObjectID) throws(GitError) -> Bool {
        // Both must be there: libgit2 answers "no" about an ancestor that it has never seen.
        _ = try lookUp(new)
        _ = try lookUp(old)
        if new == old { return true }
        var newOid: git_oid = new.oid
        var oldOid: git_oid = old.oid
        return try inStore { () throws(LibraryFailure) in
            try git(unsafe git_graph_descendant_of(repository.pointer, &newOid, &oldOid)) == 1
        }
    }

    func commits(after old: ObjectID?, through new: ObjectID, atMost most: Int) throws(GitError) -> CommitRange {
        _ = try lookUp(new)
        if let old { _ = try lookUp(old) }
        return try inStore { () throws(LibraryFailure) in
            let walk = try Handle<WalkKind> { unsafe git_revwalk_new($0, repository.pointer) }
            let order: UInt32 = GIT_SORT_TOPOLOGICAL.rawValue | GIT_SORT_TIME.rawValue
            try git(unsafe git_revwalk_sorting(walk.pointer, order))
            var oid: git_oid = new.oid
            try git(unsafe git_revwalk_push(walk.pointer, &oid))
            if var hidden = old?.oid { try git(unsafe git_revwalk_hide(walk.pointer, &hidden)) }
            var commits: [GitCommit] = []
            while try unsafe next(of: walk.pointer, &oid) {
                guard commits.count < most else { return CommitRange(commits: commits, isTruncated: true) }
                commits.append(
                    GitCommit(try Handle { unsafe git_commit_lookup($0, repository.pointer, &oid) }))
            }
            return CommitRange(commits: commits, isTruncated: false)
        }
    }

    /// Whether there is another one. What cannot be read is no end of the list: the commits behind it would go unjudged.
    private func next(of walk: OpaquePointer, _ oid: inout git_oid) throws(LibraryFailure) -> Bool {
        let code: Int32 = unsafe git_revwalk_next(&oid, walk)
        if code == GIT_ITEROVER.rawValue { return false }
        try git(code)
        return true
    }

    func keep(_ commit: ObjectID, as name: String) throws(GitError) {
        _ = try lookUp(commit)
        let reference = "\(StoreFolder.kept)\(name)"
        var isValid: Int32 = 0
        guard unsafe git_reference_name_is_valid(&isValid, reference) == 0, isValid == 1 else {
            throw GitError(.configuration, operation: operation, message: "\"\(name)\" cannot name a commit")
        }
        var oid: git_oid = commit.oid
        try inStore { () throws(LibraryFailure) in
            _ = try Handle<ReferenceKind> {
                unsafe git_reference_create($0, repository.pointer, reference, &oid, 1, nil)
            }
        }
    }
}

extension GitCommit {
    init(_ commit: borrowing Handle<CommitKind>) {
        let pointer: OpaquePointer = unsafe commit.pointer
        let parents: [ObjectID] = unsafe (0..<git_commit_parentcount(pointer)).compactMap { index in
            unsafe git_commit_parent_id(pointer, index).map { unsafe ObjectID(copying: $0) }
        }
        let author = unsafe Signature(copying: git_commit_author(pointer))
        let committer = unsafe Signature(copying: git_commit_committer(pointer))
        let message: [UInt8] =
            unsafe git_commit_message(pointer).map { text in
                unsafe Array(UnsafeRawBufferPointer(start: text, count: strnlen(text, Self.longestMessage)))
            } ?? []
        self.init(
            id: unsafe ObjectID(copying: git_commit_id(pointer)), parents: parents, author: author.person,
            authoredAt: author.time, committer: committer.person, committedAt: committer.time,
            message: String(decoding: message, as: UTF8.self))
    }

    private static let longestMessage = 64 << 10
}

/// Who signed a commit's head lines, and when.
private struct Signature {
    var person: GitCommit.Person
    var time: Timestamp

    @unsafe init(copying signature: UnsafePointer<git_signature>?) {
        guard let signature = unsafe signature else {
            self.person = GitCommit.Person(name: "", email: "")
            self.time = Timestamp(microseconds: 0)
            return
        }
        let name: String = unsafe signature.pointee.name.map { unsafe String(cString: $0) } ?? ""
        let email: String = unsafe signature.pointee.email.map { unsafe String(cString: $0) } ?? ""
        self.person = GitCommit.Person(name: String(name.prefix(200)), email: String(email.prefix(200)))
        // A commit can claim any time. The bounds are years that RFC 3339 can write: 0001 to 9999.
        let seconds: Int64 = unsafe min(max(signature.pointee.when.time, -62_135_596_800), 253_402_300_799)
        self.time = Timestamp(microseconds: seconds * 1_000_000)
    }
}
