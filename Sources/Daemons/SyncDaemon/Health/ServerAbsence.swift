package import Alerting
package import ConfigAPI
package import Declarations
import Runtime
package import Telemetry

/// How long the server has been away, and what people were told of that. A plain value: it says what is to be told, once
/// for each transition.
package struct ServerAbsence: Hashable, Sendable, JSONCodable {
    /// Since when it has not answered; nil while it does.
    package var since: Timestamp?
    /// Whether people know that it is away.
    package var isTold = false
    /// Whether people were told, during this absence, that a commit is refused.
    package var isRefusalTold = false
    /// What has still to be delivered, oldest first.
    package var waiting: [Notification] = []

    /// What waits for a receiver that is away too; older ones are given up.
    private static let mostWaiting = 20

    package init() {}

    /// Takes in how a run ended.
    ///
    /// - Parameter patience: how long the server may be away before people are told.
    package mutating func heard(
        _ status: ReconcilerStatus, isServerThere: Bool, at now: Timestamp, patience: PromDuration
    ) {
        guard !isServerThere else {
            if isTold {
                tell(.resolved, "serverAway", status, now, "the server answers again; notices come from there")
            }
            (since, isTold, isRefusalTold) = (nil, false, false)
            return
        }
        let began: Timestamp = since ?? now
        since = began
        guard now - began >= patience else { return }
        if !isTold {
            isTold = true
            tell(
                .firing, "serverAway", status, now,
                "gitops-sync on \(status.host) has not reached the server since \(began.rfc3339): nothing else can tell"
            )
        }
        // While the server is away nobody else says it.
        let isRefused: Bool = status.outcome == "refused" || status.outcome == "rolledBack"
        if isRefused, !isRefusalTold {
            tell(
                .firing, "refused", status, now, "the newest commit is refused; see gitops-sync report \(status.report)"
            )
        }
        isRefusalTold = isRefused
    }

    private mutating func tell(
        _ event: Notification.Event, _ rule: String, _ status: ReconcilerStatus, _ now: Timestamp, _ summary: String
    ) {
        let text = "\(status.source) \(rule) \(event.rawValue) \(now.microseconds)"
        waiting.append(
            Notification(
                dedupeKey: hexadecimal(Digests.sha256(Array(text.utf8)).prefix(16)), event: event,
                rule: "gitops.\(rule)", severity: event == .firing ? .critical : .info,
                labels: ["source": status.source, "host": status.host], annotations: ["summary": summary], value: nil,
                activeSince: since ?? now, at: now, provenance: nil))
        if waiting.count > Self.mostWaiting { waiting.removeFirst() }
    }

    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        since = try reader.optionalTime("since")
        isTold = try reader.bool("isTold", default: false)
        isRefusalTold = try reader.bool("isRefusalTold", default: false)
        waiting = try reader.list("waiting")
    }

    package var json: JSONValue {
        .object(compacting: [
            "since": since.map(JSONValue.time), "isTold": .bool(isTold), "isRefusalTold": .bool(isRefusalTold),
            "waiting": waiting.json,
        ])
    }
}
