import Declarations

/// Asks `ssh-keygen` who signed, and whether the signature holds in git's namespace. The time that counts for
/// `valid-after` and `valid-before` is now, not the one that the commit claims.
struct SSHSignatureCheck: Sendable {
    let program: CheckingProgram
    let allowedSigners: String
    let revokedKeys: String?

    func judge(_ question: SignatureQuestion) async throws(GitError) -> SignatureVerdict {
        let found = try await run(
            ["-Y", "find-principals", "-s", question.signatureFile, "-f", allowedSigners], question)
        var complaint: String = found.complaint
        let principals: [String] = found.isSuccess ? lines(of: found.output) : []
        for principal in principals.prefix(Self.mostPrincipals) {
            let revocation: [String] = revokedKeys.map { ["-r", $0] } ?? []
            let verified = try await run(
                [
                    "-Y", "verify", "-n", Self.namespace, "-I", principal, "-s", question.signatureFile, "-f",
                    allowedSigners,
                ] + revocation, question)
            if verified.isSuccess { return .trusted(signer: principal) }
            complaint = verified.complaint
        }
        return .refused(
            reason: sshRefusal(
                key: try await key(question), principals: principals, complaint: complaint,
                allowedSigners: allowedSigners, revokedKeys: revokedKeys))
    }

    /// The key of a signature that is a signature of this commit at all, as in `ED25519 key SHA256:…`.
    private func key(_ question: SignatureQuestion) async throws(GitError) -> String? {
        let result = try await run(
            ["-Y", "check-novalidate", "-n", Self.namespace, "-s", question.signatureFile], question)
        guard result.isSuccess, let place = result.output.lastRange(of: " with ") else { return nil }
        return lines(of: String(result.output[place...])).first
    }

    private func run(
        _ arguments: [String], _ question: SignatureQuestion
    ) async throws(GitError) -> CheckingProgram.Result {
        try await program.run(
            arguments, input: question.payloadFile, home: question.home, deadline: question.deadline,
            operation: question.operation)
    }

    /// What git signs under.
    private static let namespace = "git"
    /// A key can stand under several names; each costs a process.
    private static let mostPrincipals = 8
}

/// Says what is wrong with an ssh signature.
///
/// - Parameter key: the key that signed; nil where the signature does not fit the commit.
/// - Parameter complaint: what ssh-keygen said; it names lines of the file of signers (`signers:3: key has expired`).
func sshRefusal(
    key: String?, principals: [String], complaint: String, allowedSigners: String, revokedKeys: String?
) -> String {
    guard let key else { return "a signature that does not fit the commit" }
    let remarks: [String] = lines(of: complaint).filter { $0.hasPrefix("\(allowedSigners):") }
    guard let principal = principals.first else {
        let known: String = remarks.first ?? "it is not in \(allowedSigners)"
        return "signed with \(key), which is not trusted: \(known)"
    }
    if let remark = remarks.first { return "signed by \(principal) with \(key): \(remark)" }
    if let revokedKeys { return "signed by \(principal) with \(key), which \(revokedKeys) revokes" }
    return "signed by \(principal) with \(key): \(lines(of: complaint).joined(separator: "; "))"
}

private func lines(of text: String) -> [String] {
    text.split(whereSeparator: \.isNewline).map { String($0.trimmingSpace()) }.filter { !$0.isEmpty }
}

extension String {
    /// The place behind the last occurrence of `text`.
    fileprivate func lastRange(of text: String) -> Index? {
        var index: Index = endIndex
        while index > startIndex {
            index = self.index(before: index)
            if self[index...].hasPrefix(text) { return self.index(index, offsetBy: text.count) }
        }
        return nil
    }
}
