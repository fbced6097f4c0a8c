package import Declarations

/// Why git could not be asked or gave no answer. The message never holds a credential.
package struct GitError: Error, Hashable, Sendable, CustomStringConvertible {
    package var code: Code
    /// What was being done, as in "fetching main from https://git.example/config.git".
    package var operation: String
    /// What went wrong and what would help.
    package var message: String
    /// The branches that the remote has, where the wanted one is not among them.
    package var branches: [String]
    /// The signal that ended the worker, where one did.
    package var signal: Int?

    package enum Code: String, CaseIterable, Sendable {
        /// No connection, or it broke, or the server cannot serve now.
        case unreachable
        /// The remote sent nothing useful within the deadline; the worker was killed.
        case deadline
        /// A token or key is missing, unreadable or not accepted.
        case credentials
        /// The ssh server's key is unknown, or not the one that is known.
        case hostKey
        /// The https server's certificate is not trusted.
        case certificate
        case repositoryNotFound
        case branchNotFound
        /// The store holds no such commit.
        case revisionNotFound
        /// The commit has no such folder.
        case pathNotFound
        /// The store is damaged. The next fetch makes it anew.
        case corrupt
        /// What the remote sent cannot be used, in a fresh store too.
        case remoteData
        case limit
        /// A setting is wrong: an address, a branch name, a file.
        case configuration
        /// Another fetch into the same store is under way.
        case busy
        /// The store's folder cannot be read or written.
        case storage
        /// The worker crashed or did not answer.
        case worker
        /// The caller gave up.
        case cancelled
    }

    /// What the caller can do.
    package enum Remedy: String, Sendable {
        /// Try again later, with back-off.
        case retry
        /// A person has to give access: a token, a key, a host key, a certificate.
        case fixAccess
        /// A person has to correct the local settings or this machine.
        case fixSettings
        /// A person has to correct the repository that is fetched from.
        case fixRemote
        /// Fetch: that repairs the store.
        case fetch
    }

    package init(
        _ code: Code, operation: String, message: String, branches: [String] = [], signal: Int? = nil
    ) {
        self.code = code
        self.operation = Redaction.withoutUserInfo(operation)
        self.message = Redaction.withoutUserInfo(message)
        self.branches = branches
        self.signal = signal
    }

    package var remedy: Remedy {
        switch code {
        case .unreachable, .deadline, .busy, .worker, .cancelled: .retry
        case .credentials, .hostKey, .certificate: .fixAccess
        case .configuration, .storage: .fixSettings
        case .repositoryNotFound, .branchNotFound, .pathNotFound, .remoteData, .limit: .fixRemote
        case .revisionNotFound, .corrupt: .fetch
        }
    }

    package var description: String { "\(operation): \(message)" }
}

extension GitError: JSONCodable {
    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        code = try reader.choice("code")
        operation = try reader.string("operation")
        message = try reader.string("message")
        branches = try reader.strings("branches")
        signal = try reader.optionalInteger("signal")
    }

    package var json: JSONValue {
        .object(compacting: [
            "code": .string(code.rawValue), "operation": .string(operation), "message": .string(message),
            "branches": .array(branches.map(JSONValue.string)), "signal": signal.map { .integer($0) },
        ])
    }
}

/// Keeps names and passwords in addresses out of texts.
enum Redaction {
    /// The text with what stands between `://` and `@` taken out of each address.
    static func withoutUserInfo(_ text: String) -> String {
        var output = ""
        var rest: Substring = text[...]
        while let scheme = rest.firstRange(of: "://") {
            output += rest[..<scheme.upperBound]
            rest = rest[scheme.upperBound...]
            let authority: Substring = rest.prefix { !$0.isWhitespace && !"/?#'\"".contains($0) }
            if let at = authority.lastIndex(of: "@") { rest = rest[authority.index(after: at)...] }
        }
        return output + rest
    }
}

extension Substring {
    /// Where `text` stands first. (The standard library's own needs a module that is not linked everywhere.)
    fileprivate func firstRange(of text: String) -> Range<Index>? {
        var index: Index = startIndex
        while index < endIndex {
            if self[index...].hasPrefix(text) { return index..<self.index(index, offsetBy: text.count) }
            index = self.index(after: index)
        }
        return nil
    }
}
