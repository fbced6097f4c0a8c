import Declarations

/// Refuses a plan after which nobody would be told anything: the store has Notifiers and would have none.
///
/// A plan that deletes nothing is never refused: whoever begins without a Notifier knows it.
func lastNotifierRefusals(
    _ steps: [Step], findings: Findings, permissions: Set<Permission>
) -> [Refusal] {
    guard !permissions.contains(.lastNotifier) else { return [] }
    let going: [Step] = steps.filter {
        $0.kind == ResourceKind.notifier.rawValue && $0.action == .delete && $0.treatment == .apply
    }
    let keys: [ResourceKey] = going.compactMap(\.key)
    guard !keys.isEmpty else { return [] }
    // Notifiers of others tell nobody of ours less: they count as well.
    let staying: Bool = findings.differences.contains { difference in
        difference.key.kind == .notifier && (difference.declared != nil || difference.live != nil)
            && !keys.contains(difference.key)
    }
    guard !staying else { return [] }
    let names: String = keys.map { "\(findings[$0]?.formerPlace ?? "")\($0)" }.joined(separator: ", ")
    return [
        Refusal(
            guardName: .lastNotifier,
            message: "would delete \(names), and no Notifier would be left: nobody would be told of any alert. To go "
                + "ahead, commit with the trailer \"Plumbline-Allow: last-notifier\"",
            resources: keys)
    ]
}
