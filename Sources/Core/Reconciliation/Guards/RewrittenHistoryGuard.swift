/// Refuses a head that does not contain the accepted commit. No commit can allow that, only a person on the machine.
///
/// - Parameter branch: the branch that is followed.
/// - Parameter contains: whether `head` is `accepted` or descends from it.
package func rewrittenHistoryRefusal(
    branch: String, head: String, accepted: String, contains: Bool
) -> Refusal? {
    guard !contains else { return nil }
    let short: Substring = head.prefix(10)
    return Refusal(
        guardName: .rewrittenHistory,
        message: "\(branch) is now at \(short), which does not contain the accepted commit \(accepted.prefix(10)): its "
            + "history was rewritten. Push a branch that does, or run: gitops-sync accept \(short) --reason TEXT",
        resources: [])
}
