import Declarations

/// Asks `gpgv` whether a signature holds. Its exit status is 0 for keys that are revoked or expired too, so only what it
/// says on its status lines counts.
struct GPGSignatureCheck: Sendable {
    let program: CheckingProgram
    let keyring: String

    func judge(_ question: SignatureQuestion) async throws(GitError) -> SignatureVerdict {
        let result = try await program.run(
            [
                "--quiet", "--homedir", question.home, "--status-fd", "1", "--keyring", keyring,
                question.signatureFile, "-",
            ],
            input: question.payloadFile, home: question.home, deadline: question.deadline, operation: question.operation
        )
        return gpgVerdict(status: result.output, isSuccess: result.isSuccess, keyring: keyring)
    }
}

/// Reads the status lines of `gpgv` (doc/DETAILS of GnuPG): trusted is only one signature that is good and valid.
func gpgVerdict(status: String, isSuccess: Bool, keyring: String) -> SignatureVerdict {
    var words: [String: String] = [:]
    var signatures = 0
    for line in status.split(whereSeparator: \.isNewline) {
        guard line.hasPrefix("[GNUPG:] ") else { continue }
        let parts: [Substring] = line.dropFirst(9).split(separator: " ", maxSplits: 1)
        guard let name = parts.first else { continue }
        if name == "NEWSIG" { signatures += 1 }
        words[String(name)] = parts.count > 1 ? String(parts[1]) : ""
    }
    guard signatures <= 1 else { return .refused(reason: "\(signatures) signatures at once, where one is expected") }
    for (name, text) in [
        ("REVKEYSIG", "signed with a revoked key: "), ("EXPKEYSIG", "signed with an expired key: "),
        ("EXPSIG", "a signature that has expired: "),
        ("BADSIG", "a signature that does not fit the commit, under the name of "),
    ] {
        if let signer = words[name] { return .refused(reason: text + signer.withoutFirstWord) }
    }
    if let error = words["ERRSIG"] {
        let key: Substring = error.prefix { $0 != " " }
        return .refused(
            reason: words["NO_PUBKEY"] == nil
                ? "a signature of key \(key) that gpgv cannot check"
                : "signed with key \(key), which is not in \(keyring)")
    }
    guard isSuccess, let signer = words["GOODSIG"], words["VALIDSIG"] != nil else {
        return .refused(reason: "a signature that gpgv cannot read")
    }
    return .trusted(signer: signer.withoutFirstWord)
}

extension String {
    /// Status lines name the key first, then the person.
    fileprivate var withoutFirstWord: String {
        let parts: [Substring] = split(separator: " ", maxSplits: 1)
        return parts.count > 1 ? String(parts[1]) : self
    }
}
