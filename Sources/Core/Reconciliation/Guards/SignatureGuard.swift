/// A new commit, and why its signature does not count; nil where it does.
package struct SignatureFinding: Hashable, Sendable {
    package var commit: CommitInfo
    package var fault: String?

    package init(commit: CommitInfo, fault: String?) {
        self.commit = commit
        self.fault = fault
    }
}

/// Refuses new commits of which one is not signed by somebody who is trusted, or that are too many to be checked. The head
/// must be among them: a list without it was not read to its end.
///
/// - Parameter head: the id of the newest commit.
/// - Parameter tooMany: how many new commits there are at least, where there are more than are checked at once.
/// - Parameter remedy: what a person can do, with the place.
package func signatureRefusal(
    _ findings: [SignatureFinding], head: String, tooMany: Int?, remedy: String
) -> Refusal? {
    if let tooMany {
        return refusal("more than \(tooMany) new commits at once: each has to be checked. Push them in steps")
    }
    guard findings.contains(where: { $0.commit.id == head }) else {
        return refusal(
            "commit \(head.prefix(10)) is not among the new commits that were read: the list is incomplete. The next "
                + "fetch tries again")
    }
    let faults: [String] = findings.compactMap { finding in finding.fault.map { "\(finding.commit.text): \($0)" } }
    guard !faults.isEmpty else { return nil }
    let rest: Int = faults.count - shownFaults
    let shown: String = faults.prefix(shownFaults).joined(separator: "; ") + (rest > 0 ? "; and \(rest) more" : "")
    let share: String = findings.count == 1 ? "the new commit" : "\(faults.count) of \(findings.count) new commits"
    return refusal("\(share) cannot be trusted: \(shown). \(remedy)")
}

private func refusal(_ message: String) -> Refusal { Refusal(guardName: .signature, message: message, resources: []) }

private let shownFaults = 5
