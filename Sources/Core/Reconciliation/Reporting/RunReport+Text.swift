import ConfigAPI
import Declarations
import Telemetry

extension RunReport {
    /// The report for people: what the outcome is, what differed field by field and who did it, and how the targets
    /// stand.
    package func text(_ style: TextStyle) -> String {
        var lines: [String] = [headline(style)]
        if let refusedCommit {
            lines.append("refused commit \(refusedCommit.text)\(commit == nil ? "" : "; the one above stays enforced")")
        }
        lines += (enforcement?.lines(at: startedAt) ?? []).map { style.yellow("  \($0)") }
        if let waitingCommit { lines.append(style.yellow("  waiting: commit \(waitingCommit.text)")) }
        lines += problems.map { style.red("  \(printable($0.description))") }
        lines += refusals.map { style.red("  guard \($0.guardName.rawValue): \(printable($0.message))") }
        lines += errors.map { style.red("  \(printable($0))") }
        lines += notices.map { style.yellow("  \(printable($0))") }
        if !signers.isEmpty { lines.append(style.dim("  signed by \(listing(signers))")) }
        lines += contested.map { style.red("  contested: \($0.text(ours: ours))") }
        lines += changeLines(style)
        if !foreign.isEmpty { lines.append(style.dim("  foreign, not touched: \(listing(foreign))")) }
        if !kept.isEmpty { lines.append(style.dim("  no longer declared, kept: \(listing(kept))")) }
        lines += targets.map { "  " + $0.line(style) }
        return lines.map { $0 + "\n" }.joined()
    }

    /// Git's side of a contest.
    package var ours: String { "gitops-sync\(commit.map { " (commit \($0.id.prefix(10)))" } ?? "")" }

    /// One line for a list of runs.
    package func summary(_ style: TextStyle) -> String {
        var parts: [String] = [startedAt.rfc3339, id, outcome.text(style)]
        if let commit { parts.append(String(commit.id.prefix(10))) }
        if !changes.isEmpty { parts.append(counted(changes.count, "change")) }
        if count > 1 { parts.append("\(count) runs until \(lastFinishedAt.rfc3339)") }
        return parts.joined(separator: "  ")
    }

    /// What people can still read; the JSON form has all.
    private static let shownChanges = 100

    private func changeLines(_ style: TextStyle) -> [String] {
        let rest: Int = changes.count - Self.shownChanges
        return changes.prefix(Self.shownChanges).flatMap { $0.lines(style) }
            + (rest > 0 ? ["  and \(counted(rest, "more change")); --output json shows all"] : [])
    }

    private func headline(_ style: TextStyle) -> String {
        var parts: [String] = [outcome.text(style)]
        parts.append(commit.map { "commit \($0.text)" } ?? "no commit accepted yet")
        if mode == .observe { parts.append("observing only") }
        if !changes.isEmpty { parts.append(counted(changes.count, "change")) }
        parts.append((finishedAt - startedAt).description)
        return parts.joined(separator: " · ")
    }
}

extension RunOutcome {
    /// The outcome's name, coloured by how much it needs attention.
    package func text(_ style: TextStyle) -> String {
        switch self {
        case .inSync, .applied: style.green(rawValue)
        case .corrected, .incomplete, .drifted: style.yellow(rawValue)
        case .failed, .refused, .rolledBack: style.red(rawValue)
        }
    }
}

extension CommitInfo {
    /// The short id, the subject and the author.
    package var text: String { "\(id.prefix(10)) \"\(printable(subject))\" by \(printable(author))" }
}

extension Change {
    /// The change and its fields, one a line.
    package func lines(_ style: TextStyle) -> [String] {
        var head = "  \(sign(style)) \(style.bold("\(kind)/\(name)"))"
        if let host { head += " on \(host)" }
        if let renamed { head += action == .delete ? " (renamed to \(renamed))" : " (renamed from \(renamed))" }
        if action == .adopt { head += " (adopted)" }
        if action == .record { head += " (already as declared)" }
        head += "  \(causes.map(\.rawValue).joined(separator: ", "))"
        if let file { head += "  \(style.dim("\(printable(file))\(line.map { ":\($0)" } ?? "")"))" }
        if result != .planned { head += "  \(resultText(style))" }
        var lines: [String] = [head]
        lines += fields.map { "      \($0.text)" }
        if let changedBy { lines.append("      \(style.yellow("changed by \(changedBy.text)"))") }
        lines += evidence.map { "      \(printable($0))" }
        if let error { lines.append("      \(style.red(printable(error)))") }
        return lines
    }

    private func sign(_ style: TextStyle) -> String {
        switch action {
        case .create: style.green("+")
        case .delete: style.red("-")
        case .update: style.yellow("~")
        case .adopt, .record: "="
        }
    }

    private func resultText(_ style: TextStyle) -> String {
        switch result {
        case .planned, .applied: style.green(causes.contains(.drift) ? "corrected" : result.rawValue)
        case .failed, .refused: style.red(result.rawValue)
        case .unverified, .reported, .tolerated, .contested: style.yellow(result.rawValue)
        case .ignored: style.dim(result.rawValue)
        }
    }
}

extension FieldChange {
    /// `live → declared`, as it is read when the declared form is put in place of the live one.
    fileprivate var text: String {
        let cause: String = causes.isEmpty ? "" : "  (\(causes.map(\.rawValue).joined(separator: ", ")))"
        return "\(printable(path)): \(shown(live)) → \(shown(declared))\(cause)"
    }

    private func shown(_ value: JSONValue?) -> String {
        guard let value else { return "(unset)" }
        let text: String = printable(value.canonicalText)
        return text.count > 200 ? "\(text.prefix(197))…" : text
    }
}

extension ChangedBy {
    /// Who, through what and when; unknown is said where it is unknown.
    package var text: String {
        var parts: [String] = [who.map(printable) ?? "somebody unknown"]
        switch via {
        case .unaudited: parts.append("without an audit record")
        case .file: parts = ["the owner of the file, \(who.map(printable) ?? "unknown")"]
        default: parts.append("via \(via.rawValue)")
        }
        if let at { parts.append("at \(at.rfc3339)") }
        if via == .sql {
            let known: [String] = details.sorted { $0.key < $1.key }.map {
                "\(printable($0.key)) \(printable($0.value))"
            }
            if !known.isEmpty { parts.append("(\(known.joined(separator: ", ")))") }
        }
        return parts.joined(separator: " ")
    }
}

extension TargetReport {
    /// The target in a line, and below it what is wrong on it and who is behind.
    package func line(_ style: TextStyle) -> String {
        var text = "\(name.rawValue): \(stateText(style))"
        if let generation { text += " (generation \(generation))" }
        if name == .agents, state != .unknown { text += " (\(agentCounts))" }
        if let message { text += ": \(printable(message))" }
        for item in unhealthy {
            text += "\n    \(item.resource): \(item.state)\(item.message.map { ": \(printable($0))" } ?? "")"
        }
        for agent in agents.filter({ $0.state != .inSync }).prefix(Self.mostNamed) { text += "\n    \(agent.standing)" }
        for agent in agents {
            text += agent.messages.map { "\n    \(agent.host): \(printable($0))" }.joined()
        }
        return text
    }

    /// Hosts that people can still read; the JSON form has all.
    private static let mostNamed = 20

    private func stateText(_ style: TextStyle) -> String {
        switch state {
        case .inSync: style.green("in sync")
        case .drifted: style.yellow("drifted")
        case .unknown: style.yellow("unknown")
        }
    }

    private var agentCounts: String {
        let counts: [String] = AgentComparison.State.allCases.compactMap { state in
            let count: Int = agents.count { $0.state == state }
            return count > 0 ? "\(count) \(state == .inSync ? "in sync" : state.rawValue)" : nil
        }
        return counts.isEmpty ? "none" : counts.joined(separator: ", ")
    }
}

extension TargetReport.Agent {
    /// How a host that is not in sync stands.
    fileprivate var standing: String {
        var parts: [String] = []
        switch state {
        case .unknown: parts.append("unseen since \(lastSeen.rfc3339)")
        case .converging, .drifted, .inSync:
            parts.append(behindSince.map { "behind since \($0.rfc3339)" } ?? "its file was changed")
        }
        if let applied { parts.append("runs commit \(applied.id.prefix(10))") }
        return "\(host): \(parts.joined(separator: ", "))"
    }
}

/// `1 change`, `2 changes`.
package func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }

private func listing(_ names: [String]) -> String {
    let shown: String = names.prefix(10).map(printable).joined(separator: ", ")
    return names.count > 10 ? "\(shown) and \(names.count - 10) more" : shown
}

extension RunReport {
    /// The plan for people: what would change, before anything is done.
    package func planText(_ style: TextStyle) -> String {
        var lines: [String] = []
        if let commit { lines.append("plan for commit \(commit.text)") }
        if let refusedCommit { lines.append(style.red("refused: commit \(refusedCommit.text)")) }
        lines += problems.map { style.red("  \(printable($0.description))") }
        lines += refusals.map { style.red("  guard \($0.guardName.rawValue): \(printable($0.message))") }
        lines += errors.map { style.red("  \(printable($0))") }
        lines += notices.map { style.yellow("  \(printable($0))") }
        if !signers.isEmpty { lines.append(style.dim("  signed by \(listing(signers))")) }
        for target in targets where target.state == .unknown {
            lines.append(style.yellow("  \(target.name.rawValue): unknown: \(printable(target.message ?? ""))"))
        }
        lines += changeLines(style)
        if changes.isEmpty && problems.isEmpty && refusals.isEmpty { lines.append("  nothing to change") }
        return lines.map { $0 + "\n" }.joined()
    }
}
