import Declarations
import GitStore
import Reconciliation
import Telemetry

/// What the signatures of the commits that are new say.
enum TrustVerdict {
    /// Who signed them, each once; empty where signatures are not checked.
    case trusted([String])
    case refused(Refusal)
}

extension Reconciler {
    /// Judges every new commit, not the newest alone: what one in the middle brought stays in the tree.
    func judgeSignatures(of new: CommitRange) async throws(GitError) -> TrustVerdict {
        guard configuration.trust.policy != .none else { return .trusted([]) }
        guard !new.isTruncated else { return .refused(tooMany(new)) }
        let signed: [SignedCommit] = try await dependencies.git.signatures(of: new.commits.map(\.id))
        let checker = SignatureChecker(.init(trust: configuration.trust.policy))
        let verdicts: [SignatureVerdict] = try await checker.judge(signed)
        var signers: [String] = []
        var faults: [String] = []
        for (commit, verdict) in zip(new.commits, verdicts) {
            switch verdict {
            case .trusted(let signer): if !signers.contains(signer) { signers.append(signer) }
            case .refused(let reason): faults.append("\(CommitInfo(commit).text): \(reason)")
            }
        }
        return faults.isEmpty ? .trusted(signers.sorted()) : .refused(refusal(faults, of: new.commits.count))
    }

    private func refusal(_ faults: [String], of count: Int) -> Refusal {
        let rest: Int = faults.count - Self.shownFaults
        let shown: String =
            faults.prefix(Self.shownFaults).joined(separator: "; ") + (rest > 0 ? "; and \(rest) more" : "")
        let share: String = count == 1 ? "the new commit" : "\(faults.count) of \(count) new commits"
        return Refusal(
            guardName: .signature,
            message: "\(share) cannot be trusted: \(shown). \(remedy)", resources: [])
    }

    /// What a person can do, with the place.
    private var remedy: String {
        let place: String = configuration.trust.place
        switch configuration.trust.policy {
        case .none: return ""
        case .ssh(let signers, _):
            return "Sign them (git config gpg.format ssh; git rebase --exec 'git commit --amend --no-edit -S' …) and "
                + "push again, or add the signer's key to \(signers) (trust.verify: ssh at \(place))"
        case .gpg(let keyring):
            return "Sign them (git rebase --exec 'git commit --amend --no-edit -S' …) and push again, or add the "
                + "signer's key to \(keyring) (trust.verify: gpg at \(place))"
        }
    }

    private func tooMany(_ new: CommitRange) -> Refusal {
        Refusal(
            guardName: .signature,
            message: "more than \(new.commits.count) new commits at once: each has to be checked. Push them in steps",
            resources: [])
    }

    private static var shownFaults: Int { 5 }
}
