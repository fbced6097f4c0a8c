package import ConfigAPI
package import Declarations
package import Telemetry

/// One drift from the time it was seen to its end: an entry of the ledger.
package struct DriftEntry: Hashable, Sendable, JSONCodable {
    /// A ULID.
    package var id: String
    package var subject: DriftSubject
    package var action: Step.Action
    /// JSON Pointers of what differed; an empty one stands for the resource as a whole.
    package var paths: [String]
    /// Who made it, and when where that is known.
    package var changedBy: ChangedBy
    /// The commit that was enforced.
    package var commit: String?
    package var detectedAt: Timestamp
    package var state: State
    /// What was done about it last.
    package var result: Change.Result
    /// When it was seen to be over.
    package var endedAt: Timestamp?
    /// When the entry changed last; of two forms of one entry the later one counts.
    package var updatedAt: Timestamp

    package enum State: String, CaseIterable, Hashable, Sendable {
        /// Still there: not corrected yet, tolerated, or left as it was told.
        case open
        /// Corrected, and seen to be.
        case healed
        /// Over without a correction: live came back, or git took it over.
        case gone
    }

    /// Seconds from the change to its detection, by two machines' clocks and never below 0; nil where nobody knows when
    /// the change was made.
    package var detectSeconds: Double? { changedBy.at.map { max(0, (detectedAt - $0).seconds) } }

    /// Seconds from the detection to the end of a drift that was corrected.
    package var healSeconds: Double? {
        guard state == .healed, let endedAt else { return nil }
        return max(0, (endedAt - detectedAt).seconds)
    }

    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        id = try reader.string("id")
        subject = try DriftSubject(reader)
        action = try reader.choice("action")
        paths = try reader.strings("paths")
        changedBy = try reader.value("changedBy")
        commit = try reader.optionalString("commit")
        detectedAt = try reader.time("detectedAt")
        state = try reader.choice("state")
        result = try reader.choice("result")
        endedAt = try reader.optionalTime("endedAt")
        updatedAt = try reader.time("updatedAt")
    }

    package var json: JSONValue {
        var members: [String: JSONValue?] = subject.members
        members["id"] = .string(id)
        members["action"] = .string(action.rawValue)
        members["paths"] = .array(paths.map(JSONValue.string))
        members["changedBy"] = changedBy.json
        members["commit"] = commit.map(JSONValue.string)
        members["detectedAt"] = .time(detectedAt)
        members["state"] = .string(state.rawValue)
        members["result"] = .string(result.rawValue)
        members["endedAt"] = endedAt.map(JSONValue.time)
        members["updatedAt"] = .time(updatedAt)
        members["detectSeconds"] = detectSeconds.map(JSONValue.number)
        members["healSeconds"] = healSeconds.map(JSONValue.number)
        return .object(compacting: members)
    }

    init(
        id: String, change: Change, commit: String?, detectedAt: Timestamp
    ) {
        self.id = id
        self.commit = commit
        self.detectedAt = detectedAt
        subject = change.subject
        action = change.action
        paths = change.driftedPaths
        changedBy = change.changedBy ?? .unaudited
        state = .open
        result = change.result
        updatedAt = detectedAt
    }
}

extension DriftEntry {
    /// One line for people.
    package func line(_ style: TextStyle) -> String {
        var parts: [String] = [detectedAt.rfc3339, stateText(style), style.bold(printable(subject.description))]
        let fields: [String] = paths.filter { !$0.isEmpty }
        if !fields.isEmpty { parts.append(printable(fields.joined(separator: " "))) }
        parts.append("\(changedBy.who.map(printable) ?? "somebody unknown") via \(changedBy.via.rawValue)")
        parts.append(detectSeconds.map { "seen after \(Self.seconds($0))" } ?? "made at an unknown time")
        if let healSeconds {
            parts.append("healed \(Self.seconds(healSeconds)) later")
        } else if let endedAt {
            parts.append("gone at \(endedAt.rfc3339)")
        } else {
            parts.append(result.rawValue)
        }
        return parts.joined(separator: "  ")
    }

    private func stateText(_ style: TextStyle) -> String {
        switch state {
        case .open: style.yellow("open  ")
        case .healed: style.green("healed")
        case .gone: style.dim("gone  ")
        }
    }

    /// Three digits are as many as anybody reads.
    private static func seconds(_ value: Double) -> String {
        PromDuration(milliseconds: Int64((value * 1000).rounded())).description
    }
}
