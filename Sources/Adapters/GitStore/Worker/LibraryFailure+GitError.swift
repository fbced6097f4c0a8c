import CLibgit2

/// Runs calls into libgit2 and says what their failure means to the caller.
func calling<Value: ~Copyable>(
    _ body: () throws(LibraryFailure) -> Value, failing meaning: (LibraryFailure) -> GitError
) throws(GitError) -> Value {
    do { return try body() } catch { throw meaning(error) }
}

extension LibraryFailure {
    /// The failure of a call that reads or writes the store alone.
    func inStore(_ operation: String) -> GitError {
        switch area {
        case GIT_ERROR_NOMEMORY:
            return GitError(
                .limit, operation: operation, message: "the git worker's memory limit was reached (\(text))")
        case GIT_ERROR_OS where !text.contains("No such file"):
            return GitError(.storage, operation: operation, message: text)
        default: break
        }
        if code == .locked { return GitError(.busy, operation: operation, message: text) }
        return GitError(
            .corrupt, operation: operation, message: "the store is damaged (\(text)); the next fetch makes it anew")
    }

    /// The failure of a call that talks to `remote`.
    func at(_ remote: GitRemote, _ operation: String) -> GitError {
        func error(_ code: GitError.Code, _ message: String) -> GitError {
            GitError(code, operation: operation, message: message)
        }
        switch code {
        case .authentication: return error(.credentials, refusedCredentials(remote))
        case .certificate where remote.scheme == .ssh: return error(.hostKey, unknownHostKey(remote))
        case .certificate: return error(.certificate, untrustedCertificate(remote))
        default: break
        }
        // libgit2 says "unsupported URL protocol" of a path where nothing is, and "config value 'safe.directory' was not
        // found" of a repository with another owner.
        if remote.scheme == .file {
            return error(.repositoryNotFound, "there is no git repository that this user can read (\(text))")
        }
        if text.contains("redirect") {
            return error(
                .configuration, "the server redirects to another address (\(text)); set the remote to that address")
        }
        if tellsOfAbsence {
            return error(.repositoryNotFound, "the server has no such repository, or hides it from us (\(text))")
        }
        switch area {
        case GIT_ERROR_HTTP: return http(remote, operation)
        case GIT_ERROR_SSL:
            return text.contains("certificate")
                ? error(.certificate, untrustedCertificate(remote)) : error(.unreachable, text)
        case GIT_ERROR_SSH:
            let isRefusal: Bool = ["authenticate", "username", "publickey", "key"].contains { text.contains($0) }
            return isRefusal && !text.contains("start SSH session")
                ? error(.credentials, refusedCredentials(remote)) : error(.unreachable, text)
        case GIT_ERROR_NET, GIT_ERROR_OS: return error(.unreachable, text)
        default: return inStore(operation)
        }
    }

    private func http(_ remote: GitRemote, _ operation: String) -> GitError {
        let digits: Substring = text.suffix(while: \.isNumber)
        switch Int(digits) {
        case 401: return GitError(.credentials, operation: operation, message: refusedCredentials(remote))
        case 403:
            return GitError(.credentials, operation: operation, message: "the server forbids access (status 403)")
        case 404, 410:
            return GitError(
                .repositoryNotFound, operation: operation,
                message: "the server knows no such repository, or hides it from these credentials (status \(digits))")
        default: break
        }
        if text.contains("authentication") {
            return GitError(.credentials, operation: operation, message: refusedCredentials(remote))
        }
        return GitError(.unreachable, operation: operation, message: text)
    }

    /// Whether a server says, in the words of git, GitHub, GitLab or Gitea, that it has no such repository.
    private var tellsOfAbsence: Bool {
        let signs: [String] = [
            "epository not found", "not exported", "does not appear to be a git repository", "access denied",
            "could not be found", "Cannot find repository",
        ]
        return signs.contains { text.contains($0) }
    }

    private func refusedCredentials(_ remote: GitRemote) -> String {
        switch remote.credentials {
        case .none: "the server asks for credentials and none are set"
        default: "the server does not accept \(remote.credentials.title) (\(text))"
        }
    }

    private func unknownHostKey(_ remote: GitRemote) -> String {
        let host: String = remote.host ?? "the server"
        return "the key of \(host) is not the one in \(remote.knownHostsFile ?? "any file"), or it is not there; "
            + "put the right one there (ssh-keyscan \(host) shows what the server says: compare it with the operator's)"
    }

    private func untrustedCertificate(_ remote: GitRemote) -> String {
        "the certificate of \(remote.host ?? "the server") is not trusted (\(text)); "
            + "a private authority's certificate can be given as a file"
    }
}

extension GitRemote.Credentials {
    /// How messages name them.
    var title: String {
        switch self {
        case .none: "access without credentials"
        case .token(_, let file): "the token in \(file)"
        case .key(let file, _): "the ssh key \(file) (RSA keys do not work with today's servers, ed25519 keys do)"
        }
    }
}

extension String {
    /// The characters at the end that fulfil `condition`.
    fileprivate func suffix(while condition: (Character) -> Bool) -> Substring {
        var start: Index = endIndex
        while start > startIndex, condition(self[index(before: start)]) { start = index(before: start) }
        return self[start...]
    }
}
