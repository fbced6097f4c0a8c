import Declarations

/// How often an alert rule would have notified over stored history, after grouping.
package enum NoiseEvidence: Hashable, Sendable {
    /// Notifications a day: of the rule as it is live (0 where it is new), and as it is declared.
    case measured(before: Double, after: Double)
    /// There is less than a day of history, or nobody could be asked.
    case unavailable(reason: String)

    /// The line that a plan shows.
    package var text: String {
        switch self {
        case .measured(let before, let after): "notifications a day: \(oneDigit(before)) → \(oneDigit(after))"
        case .unavailable(let reason): "notifications a day: not known (\(reason))"
        }
    }
}

/// Refuses an alert rule that would notify more than 20 times a day and more than twice as often as before. Where the
/// evidence is unavailable nothing is refused, nor on adoption: what is taken over is as noisy as it was.
func noiseRefusals(
    _ steps: [Step], evidence: [ResourceKey: NoiseEvidence], permissions: Set<Permission>
) -> [Refusal] {
    guard !permissions.contains(.noise) else { return [] }
    return steps.compactMap { step in
        guard step.kind == ResourceKind.alertRule.rawValue, step.treatment == .apply, step.causes.contains(.commit),
            step.action == .create || step.action == .update, let key = step.key,
            case .measured(let before, let after) = evidence[key], after > mostADay, after > 2 * before
        else { return nil }
        return Refusal(
            guardName: .noise,
            message:
                "\(step.place ?? "")\(key) would notify \(oneDigit(after)) times a day, \(oneDigit(before)) times as it "
                + "is now. To go ahead, commit with the trailer \"Plumbline-Allow: noise\"",
            resources: [key])
    }
}

private let mostADay = 20.0

private func oneDigit(_ number: Double) -> String {
    let tenths = Int((number * 10).rounded())
    return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)"
}
