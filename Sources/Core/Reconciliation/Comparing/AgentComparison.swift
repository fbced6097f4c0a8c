package import ConfigAPI
package import Declarations
package import Telemetry

/// How one host stands to what it is to run.
package struct AgentComparison: Hashable, Sendable {
    package var host: String
    package var state: State
    package var lastSeen: Timestamp
    /// The set digest that it runs.
    package var digest: String
    /// Since when it is to run another one; nil while it runs what it should.
    package var behindSince: Timestamp?
    /// The commit that it was last seen to have applied; nil where that is not known.
    package var applied: AppliedCommit?
    package var differences: [AgentDifference]
    /// `Kind/name` of everything that the host is to run.
    package var expected: [String]
    /// What the agent says is wrong: an unreadable file, a collector that fails.
    package var messages: [String]

    package enum State: String, CaseIterable, Hashable, Sendable {
        case inSync
        /// Not yet what it is to run, and not for long.
        case converging
        case drifted
        /// Not seen for its group's `downAfter`.
        case unknown
    }
}

/// One resource that a host does not run as it should.
package struct AgentDifference: Hashable, Sendable {
    package var host: String
    package var kind: String
    package var name: String
    package var expected: JSONValue?
    package var running: JSONValue?
    package var changedBy: ChangedBy

    package var key: ResourceKey? { ResourceKind(rawValue: kind).map { ResourceKey($0, name) } }
}

extension AgentDifference {
    /// The kind of an entry that stands for the whole file, where what it holds cannot be read.
    package static let fileKind = "ConfigFile"
    package static let fileName = "config.json"
}

/// Compares what hosts run with what the server expects of them, by host name.
///
/// A file that is not what the server sent is drift at once. A host that has not followed a new expectation is only
/// converging until `grace` has passed. A host that is not fresh is unknown.
package func compareAgents(_ agents: [AgentView], now: Timestamp, grace: PromDuration) -> [AgentComparison] {
    agents.sorted { $0.host.utf8.lexicographicallyPrecedes($1.host.utf8) }.map { compare($0, now: now, grace: grace) }
}

private func compare(_ agent: AgentView, now: Timestamp, grace: PromDuration) -> AgentComparison {
    var comparison = AgentComparison(
        host: agent.host, state: .unknown, lastSeen: agent.lastSeen, digest: agent.status.running.digest,
        behindSince: agent.status.running.digest == agent.expected.digest ? nil : agent.expectedSince,
        applied: agent.applied, differences: [],
        expected: agent.expected.resources.map { "\($0.kind)/\($0.name)" }, messages: messages(of: agent))
    guard agent.isFresh else { return comparison }
    let differences: [AgentDifference] = resourceDifferences(of: agent)
    let file = agent.status.file
    let isOverdue: Bool = now - agent.expectedSince > grace
    let isEdited: Bool = file.digest != file.receivedDigest
    if differences.isEmpty {
        comparison.state = .inSync
        guard isEdited, file.error != nil || isOldEdit(file, now: now, grace: grace) else { return comparison }
        comparison.differences = [fileDifference(of: agent)]
        comparison.state = .drifted
        return comparison
    }
    guard isOverdue || (isEdited && file.receivedDigest == agent.expected.digest) else {
        comparison.state = .converging
        return comparison
    }
    comparison.differences = differences
    comparison.state = .drifted
    return comparison
}

/// An edit is loaded within a second; one that changed nothing that runs for this long stays a difference.
private func isOldEdit(_ file: AgentStatus.ConfigFile, now: Timestamp, grace: PromDuration) -> Bool {
    guard let changedAt = file.changedAt else { return false }
    return now - changedAt > grace
}

private func messages(of agent: AgentView) -> [String] {
    var texts: [String] = []
    if let error = agent.status.file.error { texts.append("config.json: \(error)") }
    for item in agent.status.running.resources {
        guard let error = item.error else { continue }
        texts.append("\(item.kind)/\(item.name): \(error)")
    }
    return texts
}

private func resourceDifferences(of agent: AgentView) -> [AgentDifference] {
    guard agent.status.running.digest != agent.expected.digest else { return [] }
    let expected = Dictionary(agent.expected.resources.map { ("\($0.kind)/\($0.name)", $0) }) { first, _ in first }
    let running = Dictionary(agent.status.running.resources.map { ("\($0.kind)/\($0.name)", $0) }) { first, _ in first }
    let names: [String] = Set(expected.keys).union(running.keys).sorted {
        $0.utf8.lexicographicallyPrecedes($1.utf8)
    }
    let changedBy: ChangedBy = attribution(of: agent)
    return names.compactMap { name in
        let wanted = expected[name]
        let actual = running[name]
        guard wanted?.digest != actual?.digest else { return nil }
        return AgentDifference(
            host: agent.host, kind: wanted?.kind ?? actual?.kind ?? "", name: wanted?.name ?? actual?.name ?? "",
            expected: wanted?.spec, running: actual?.spec, changedBy: changedBy)
    }
}

private func fileDifference(of agent: AgentView) -> AgentDifference {
    AgentDifference(
        host: agent.host, kind: AgentDifference.fileKind, name: AgentDifference.fileName, expected: nil, running: nil,
        changedBy: attribution(of: agent))
}

/// The owner of an edited file is said to be that: who wrote it is not knowable. Where the file is what the server
/// sent, nobody is named.
private func attribution(of agent: AgentView) -> ChangedBy {
    let file = agent.status.file
    guard file.digest != file.receivedDigest else { return .unaudited }
    return ChangedBy(who: file.owner, at: file.changedAt, via: .file, details: ["whoIs": "owner of the file"])
}
