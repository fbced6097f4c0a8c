package import Declarations

/// A repository to fetch from, and what opens it.
package struct GitRemote: Hashable, Sendable {
    /// `https://`, `ssh://` (or `user@host:path`), `file://` or an absolute path. `http://` and `git://` work too, for
    /// networks that are trusted.
    package var url: String
    package var credentials: Credentials
    /// Holds the ssh server's key, in OpenSSH's format. Without one no ssh server is trusted.
    package var knownHostsFile: String?
    /// Certificate authorities in PEM, instead of the system's.
    package var authoritiesFile: String?
    /// Whether `https_proxy` and its like in the environment count.
    package var usesProxy: Bool

    package enum Credentials: Hashable, Sendable {
        case none
        /// For https. The file holds the token alone; hosts differ in the user name that they want beside it.
        case token(username: String, file: String)
        /// For ssh. The user name is the one in the address, else `git`.
        case key(file: String, passphraseFile: String?)
    }

    package init(
        url: String, credentials: Credentials = .none, knownHostsFile: String? = nil, authoritiesFile: String? = nil,
        usesProxy: Bool = true
    ) {
        self.url = url
        self.credentials = credentials
        self.knownHostsFile = knownHostsFile
        self.authoritiesFile = authoritiesFile
        self.usesProxy = usesProxy
    }

    /// The address without a user name or password.
    package var displayedURL: String { Redaction.withoutUserInfo(url) }

    /// Says what is wrong with these settings, before anything is contacted.
    package func check() throws(GitError) {
        func refuse(_ message: String) -> GitError {
            GitError(.configuration, operation: "reading the settings of the remote \(displayedURL)", message: message)
        }
        guard !url.isEmpty, url.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7f }) else {
            throw refuse("the address is empty or holds spaces or control characters")
        }
        switch scheme {
        case .file:
            guard credentials == .none else { throw refuse("a local repository takes no credentials") }
        case .https, .http:
            guard userInfo?.contains(":") != true else {
                throw refuse("the address holds a password; put the token into a file of its own")
            }
            if case .key = credentials { throw refuse("an ssh key is of no use for https") }
            if scheme == .http, credentials != .none, !isLoopback {
                throw refuse("http:// would send the token readable by anyone on the way; use https://")
            }
        case .ssh:
            if case .token = credentials { throw refuse("a token is of no use for ssh; give an ssh key") }
            guard knownHostsFile != nil else {
                throw refuse("ssh needs a known-hosts file with the server's key (ssh-keyscan HOST shows it)")
            }
        case .git:
            guard credentials == .none else { throw refuse("git:// takes no credentials") }
        case nil:
            throw refuse("expected https://, ssh://, user@host:path, file:// or an absolute path")
        }
    }

    /// Whether a token can open it.
    package var takesToken: Bool { scheme == .https || scheme == .http }
    /// Whether an ssh key can open it.
    package var takesKey: Bool { scheme == .ssh }

    enum Scheme { case file, https, http, ssh, git }

    var scheme: Scheme? {
        if url.hasPrefix("/") || url.hasPrefix("file:///") { return .file }
        if url.hasPrefix("https://") { return .https }
        if url.hasPrefix("http://") { return .http }
        if url.hasPrefix("ssh://") { return .ssh }
        if url.hasPrefix("git://") { return .git }
        // user@host:path, as scp writes it.
        guard !url.contains("://"), let colon = url.firstIndex(of: ":") else { return nil }
        return url[..<colon].contains("/") || url[..<colon].isEmpty ? nil : .ssh
    }

    /// The host, where the address has one.
    var host: String? {
        guard let authority else { return nil }
        let place: Substring =
            authority.lastIndex(of: "@").map { authority[authority.index(after: $0)...] } ?? authority
        if place.hasPrefix("["), let end = place.firstIndex(of: "]") {
            return String(place.dropFirst().prefix(upTo: end))
        }
        return String(place.prefix { $0 != ":" })
    }

    private var userInfo: Substring? {
        guard let authority, let at = authority.lastIndex(of: "@") else { return nil }
        return authority[..<at]
    }

    private var authority: Substring? {
        if scheme == .ssh, !url.contains("://") { return url.prefix { $0 != ":" } }
        guard scheme != .file, let start = url.firstIndex(of: ":") else { return nil }
        return url[start...].dropFirst(3).prefix { !"/?#".contains($0) }
    }

    private var isLoopback: Bool { ["localhost", "127.0.0.1", "::1"].contains(host) }
}

extension GitRemote: JSONCodable {
    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        url = try reader.string("url")
        knownHostsFile = try reader.optionalString("knownHostsFile")
        authoritiesFile = try reader.optionalString("authoritiesFile")
        usesProxy = try reader.bool("usesProxy", default: true)
        if let file = try reader.optionalString("tokenFile") {
            credentials = .token(username: try reader.string("username"), file: file)
        } else if let file = try reader.optionalString("keyFile") {
            credentials = .key(file: file, passphraseFile: try reader.optionalString("passphraseFile"))
        } else {
            credentials = .none
        }
    }

    package var json: JSONValue {
        var members: [String: JSONValue?] = [
            "url": .string(url), "knownHostsFile": knownHostsFile.map(JSONValue.string),
            "authoritiesFile": authoritiesFile.map(JSONValue.string), "usesProxy": .bool(usesProxy),
        ]
        switch credentials {
        case .none: break
        case .token(let username, let file):
            members["username"] = .string(username)
            members["tokenFile"] = .string(file)
        case .key(let file, let passphraseFile):
            members["keyFile"] = .string(file)
            members["passphraseFile"] = passphraseFile.map(JSONValue.string)
        }
        return .object(compacting: members)
    }
}
