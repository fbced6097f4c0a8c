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
    func judgeSignatures(of new: CommitRange, through head: ObjectID) async throws(GitError) -> TrustVerdict {
        guard configuration.trust.policy != .none else { return .trusted([]) }
        // What came before the accepted commit was judged then: a person may have gone back to it.
        if new.commits.isEmpty, let accepted = state.acceptedCommit.flatMap(ObjectID.init(hex:)),
            try await descends(accepted, from: head)
        {
            return .trusted([])
        }
        // What is not checked one by one is refused as a whole, whoever signed it.
        let signed: [SignedCommit] =
            new.isTruncated ? [] : try await dependencies.git.signatures(of: new.commits.map(\.id))
        let verdicts: [SignatureVerdict] =
            try await SignatureChecker(.init(trust: configuration.trust.policy)).judge(signed)
        let findings: [SignatureFinding] = zip(new.commits, verdicts).map { commit, verdict in
            SignatureFinding(commit: CommitInfo(commit), fault: verdict.fault)
        }
        let refusal: Refusal? = signatureRefusal(
            findings, head: head.hex, tooMany: new.isTruncated ? new.commits.count : nil, remedy: remedy)
        return refusal.map(TrustVerdict.refused) ?? .trusted(Set(verdicts.compactMap(\.signer)).sorted())
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
}

extension SignatureVerdict {
    fileprivate var signer: String? {
        if case .trusted(let signer) = self { signer } else { nil }
    }

    fileprivate var fault: String? {
        if case .refused(let reason) = self { reason } else { nil }
    }
}
