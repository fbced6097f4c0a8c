import CLibgit2

extension RepositoryReader {
    /// The commits with their signatures, in the order of `ids`. Beyond `bytes` in all it is an error: they cross a pipe
    /// and stand in memory.
    func signatures(of ids: [ObjectID], atMost bytes: Int) throws(GitError) -> [SignedCommit] {
        var commits: [SignedCommit] = []
        var total = 0
        for id in ids {
            _ = try lookUp(id)
            let commit: SignedCommit = try inStore { () throws(LibraryFailure) in try signature(of: id) }
            total += commit.payload.count + (commit.signature?.count ?? 0)
            guard total <= bytes else {
                throw GitError(
                    .limit, operation: operation,
                    message: "the signed commits are more than \(bytes) bytes; accept them in smaller steps")
            }
            commits.append(commit)
        }
        return commits
    }

    private func signature(of id: ObjectID) throws(LibraryFailure) -> SignedCommit {
        var signature = unsafe git_buf()
        var payload = unsafe git_buf()
        defer {
            unsafe git_buf_dispose(&signature)
            unsafe git_buf_dispose(&payload)
        }
        var oid: git_oid = id.oid
        let code: Int32 = unsafe git_commit_extract_signature(&signature, &payload, repository.pointer, &oid, nil)
        // Without a signature it is "not found" in the area of objects; a commit that is missing is one of the database.
        if code == GIT_ENOTFOUND.rawValue {
            git_error_clear()
            return SignedCommit(id: id, signature: nil, payload: [])
        }
        try git(code)
        return SignedCommit(
            id: id, signature: unsafe Self.bytes(of: signature), payload: unsafe Self.bytes(of: payload))
    }

    @unsafe private static func bytes(of buffer: git_buf) -> [UInt8] {
        guard let start = unsafe buffer.ptr else { return [] }
        return unsafe Array(UnsafeRawBufferPointer(start: start, count: buffer.size))
    }
}
