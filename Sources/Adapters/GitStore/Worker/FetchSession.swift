import CLibgit2
import Glibc

/// What libgit2 calls back during one connection: gives credentials, watches the amounts.
final class FetchSession {
    private let remote: GitRemote
    private let limits: GitLimits
    private let operation: String
    private var timesAsked = 0
    private(set) var receivedBytes = 0
    private(set) var receivedObjects = 0
    /// Why a callback stopped the library; says more than the library's own error.
    private(set) var refusal: GitError?

    init(remote: GitRemote, limits: GitLimits, operation: String) {
        self.remote = remote
        self.limits = limits
        self.operation = operation
    }

    func connect(_ source: borrowing Handle<RemoteKind>) throws(LibraryFailure) {
        var options = unsafe git_remote_connect_options()
        try git(unsafe git_remote_connect_options_init(&options, UInt32(GIT_REMOTE_CONNECT_OPTIONS_VERSION)))
        unsafe options.callbacks = unsafe callbacks
        unsafe options.proxy_opts.type = remote.usesProxy ? GIT_PROXY_AUTO : GIT_PROXY_NONE
        unsafe options.follow_redirects = GIT_REMOTE_REDIRECT_NONE
        try git(unsafe git_remote_connect_ext(source.pointer, GIT_DIRECTION_FETCH, &options))
        withExtendedLifetime(self) {}
    }

    func fetch(_ source: borrowing Handle<RemoteKind>, _ refspec: String) throws(LibraryFailure) {
        var options = unsafe git_fetch_options()
        try git(unsafe git_fetch_options_init(&options, UInt32(GIT_FETCH_OPTIONS_VERSION)))
        unsafe options.callbacks = unsafe callbacks
        unsafe options.proxy_opts.type = remote.usesProxy ? GIT_PROXY_AUTO : GIT_PROXY_NONE
        unsafe options.follow_redirects = GIT_REMOTE_REDIRECT_NONE
        unsafe options.update_fetchhead = 0
        unsafe options.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_NONE
        let code: Int32 = unsafe refspec.withCString { text in
            var texts: [UnsafeMutablePointer<CChar>?] = unsafe [UnsafeMutablePointer(mutating: text)]
            return unsafe texts.withUnsafeMutableBufferPointer { buffer in
                var refspecs = unsafe git_strarray(strings: buffer.baseAddress, count: 1)
                return unsafe git_remote_fetch(source.pointer, &refspecs, &options, nil)
            }
        }
        try git(code)
        withExtendedLifetime(self) {}
    }

    /// The callbacks hold this session without owning it: `connect` and `fetch` outlive every call.
    @unsafe private var callbacks: git_remote_callbacks {
        var callbacks = unsafe git_remote_callbacks()
        unsafe git_remote_init_callbacks(&callbacks, UInt32(GIT_REMOTE_CALLBACKS_VERSION))
        unsafe callbacks.payload = Unmanaged.passUnretained(self).toOpaque()
        unsafe callbacks.credentials = { out, _, username, allowed, payload in
            guard let session = unsafe FetchSession.of(payload) else { return GIT_EUSER.rawValue }
            let name: String? = unsafe username.map { unsafe String(cString: $0) }
            return unsafe session.credential(out, username: name, allowed: allowed)
        }
        unsafe callbacks.transfer_progress = { progress, payload in
            guard let session = unsafe FetchSession.of(payload), let progress = unsafe progress else {
                return GIT_EUSER.rawValue
            }
            return unsafe session.count(progress.pointee)
        }
        return unsafe callbacks
    }

    @unsafe private static func of(_ payload: UnsafeMutableRawPointer?) -> FetchSession? {
        unsafe payload.map { unsafe Unmanaged<FetchSession>.fromOpaque($0).takeUnretainedValue() }
    }

    private func count(_ progress: git_indexer_progress) -> Int32 {
        receivedBytes = progress.received_bytes
        receivedObjects = Int(progress.received_objects)
        if receivedBytes > limits.receivedBytes {
            return refuse(.limit, "the remote sent more than \(limits.receivedBytes) bytes")
        }
        if Int(progress.total_objects) > limits.receivedObjects {
            return refuse(
                .limit,
                "the remote wants to send \(progress.total_objects) objects, more than \(limits.receivedObjects)")
        }
        return 0
    }

    private func refuse(_ code: GitError.Code, _ message: String) -> Int32 {
        refusal = refusal ?? GitError(code, operation: operation, message: message)
        return GIT_EUSER.rawValue
    }

    @unsafe private func credential(
        _ out: UnsafeMutablePointer<UnsafeMutablePointer<git_credential>?>?, username: String?, allowed: UInt32
    ) -> Int32 {
        if allowed & GIT_CREDENTIAL_USERNAME.rawValue != 0 {
            return unsafe git_credential_username_new(out, username ?? "git")
        }
        timesAsked += 1
        // libgit2 asks again for ever when the server refuses.
        guard timesAsked == 1 else {
            return refuse(.credentials, "the server does not accept \(remote.credentials.title)")
        }
        do throws(FileProblem) {
            switch remote.credentials {
            case .token(let name, let file) where allowed & GIT_CREDENTIAL_USERPASS_PLAINTEXT.rawValue != 0:
                let token: String = try Files.secret(file)
                return unsafe git_credential_userpass_plaintext_new(out, name, token)
            case .key(let file, let passphraseFile) where allowed & GIT_CREDENTIAL_SSH_KEY.rawValue != 0:
                let passphrase: String? = try passphraseFile.map { path throws(FileProblem) in try Files.secret(path) }
                guard unsafe access(file, R_OK) == 0 else {
                    throw FileProblem(message: "cannot read the ssh key \(file): \(Files.lastError)")
                }
                return unsafe git_credential_ssh_key_new(out, username ?? "git", nil, file, passphrase)
            case .none: return refuse(.credentials, "the server asks for credentials and none are set")
            default: return refuse(.credentials, "the server asks for something else than \(remote.credentials.title)")
            }
        } catch {
            return refuse(.credentials, error.message)
        }
    }
}
