/// Whose signatures make a commit acceptable.
package enum CommitTrust: Hashable, Sendable {
    /// Whoever can push is trusted.
    case none
    /// `allowedSigners` is a file in the format of ssh-keygen(1), ALLOWED SIGNERS; `revokedKeys` one of public keys or a
    /// key revocation list.
    case ssh(allowedSigners: String, revokedKeys: String?)
    /// `keyring` is a file that `gpg --export` wrote.
    case gpg(keyring: String)

    /// The name that settings and messages use.
    package var title: String {
        switch self {
        case .none: "none"
        case .ssh: "ssh"
        case .gpg: "gpg"
        }
    }
}

/// What was found out about the signature of one commit.
package enum SignatureVerdict: Hashable, Sendable {
    /// A trusted signer's, and good: who it is, as the file of signers or the key says.
    case trusted(signer: String)
    /// Why it does not count, in words for people.
    case refused(reason: String)
}
