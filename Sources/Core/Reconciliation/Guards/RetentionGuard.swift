import ConfigAPI
import Declarations
import Telemetry

/// Refuses to keep less of what is stored: the one change that a revert cannot undo. Less is a shorter time or a smaller
/// size than live, a limit where there was none, and the end of a Retention, after which nothing says how long its data
/// stay.
///
/// What git said before counts, where it is known, and not what somebody made of it behind git's back: undoing drift
/// restores what was agreed. A Retention where none was is not refused: whoever begins has nothing to lose, and what
/// would go is in the plan.
///
/// - Parameter previous: the commit that was enforced before.
func retentionRefusals(
    _ steps: [Step], findings: Findings, previous: DeclaredState?, permissions: Set<Permission>
) -> [Refusal] {
    guard !permissions.contains(.retention) else { return [] }
    return steps.compactMap { step in
        guard step.kind == ResourceKind.retention.rawValue, step.treatment == .apply, step.causes != [.drift],
            let key = step.key, let before = previous?.resources[key]?.spec ?? findings[key]?.live?.spec
        else { return nil }
        let losses: [String] = step.action == .delete ? deletionLosses(step) : shrinkings(from: before, to: step.spec)
        guard !losses.isEmpty else { return nil }
        return Refusal(
            guardName: .retention,
            message:
                "\(step.place ?? findings[key]?.formerPlace ?? "")\(key) would keep less than now: \(losses.joined(separator: ", ")). What is "
                + "deleted does not come back. To go ahead, commit with the trailer \"Plumbline-Allow: retention\"",
            resources: [key])
    }
}

/// A rename is no loss: the same limits go on under another name.
private func deletionLosses(_ step: Step) -> [String] {
    step.renamed == nil ? ["it is no longer declared, so other limits count for its data, or none"] : []
}

private func shrinkings(from live: JSONValue, to declared: JSONValue?) -> [String] {
    guard let declared else { return [] }
    var losses: [String] = shorter("/keep", live["keep"]?.string, declared["keep"]?.string)
    // A rollup that is not named is kept as long as the dataset.
    for width in RetentionSpec.RollupWidth.allCases.map(\.rawValue)
    where live["rollups"]?[width] != nil || declared["rollups"]?[width] != nil {
        losses += shorter(
            "/rollups/\(width)", live["rollups"]?[width]?.string ?? live["keep"]?.string,
            declared["rollups"]?[width]?.string ?? declared["keep"]?.string)
    }
    losses += smaller("/maxSize", live["maxSize"]?.integer, declared["maxSize"]?.integer)
    losses += greater("/minFreeDisk", live["minFreeDisk"]?.integer, declared["minFreeDisk"]?.integer)
    // Other matchers are other data: how much of it goes is not known here.
    if live["matchers"] != declared["matchers"] { losses.append("/matchers: other data than before") }
    return losses
}

/// A limit in time: none is for ever.
private func shorter(_ path: String, _ live: String?, _ declared: String?) -> [String] {
    guard let declared, let wanted = PromDuration(declared) else { return [] }
    guard let live, let present = PromDuration(live) else { return ["\(path): no limit → \(declared)"] }
    return wanted < present ? ["\(path): \(live) → \(declared)"] : []
}

/// A limit in bytes: none is without end.
private func smaller(_ path: String, _ live: Int?, _ declared: Int?) -> [String] {
    guard let declared else { return [] }
    guard let live else { return ["\(path): no limit → \(declared)"] }
    return declared < live ? ["\(path): \(live) → \(declared)"] : []
}

/// Space that has to stay free: more of it leaves less for data.
private func greater(_ path: String, _ live: Int?, _ declared: Int?) -> [String] {
    guard let declared else { return [] }
    guard let live else { return ["\(path): none → \(declared)"] }
    return declared > live ? ["\(path): \(live) → \(declared)"] : []
}

extension Step {
    /// Where the declared form stands, in front of a message.
    var place: String? { file.map { "\($0):\(line ?? 1): " } }
}

extension Difference {
    /// Where the live form was declared, in front of a message.
    var formerPlace: String? { live?.source.map { "\($0.file):\($0.line) before: " } }
}
