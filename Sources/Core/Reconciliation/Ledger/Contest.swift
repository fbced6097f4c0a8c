package import ConfigAPI
package import Declarations
package import Telemetry

/// A resource that somebody changes as often as it is corrected.
package struct Contest: Hashable, Sendable, JSONCodable {
    package var subject: DriftSubject
    package var paths: [String]
    /// Who changes it, besides gitops-sync.
    package var writers: [Writer]
    /// How often it was corrected in a row, and since when.
    package var corrections: Int
    package var since: Timestamp
    /// Until then a further change is reported and left.
    package var nextCorrectionAt: Timestamp

    /// Somebody with a way to write.
    package struct Writer: Hashable, Sendable, JSONCodable {
        /// Nil where nobody knows.
        package var who: String?
        package var via: ChangedBy.Channel

        package init(who: String?, via: ChangedBy.Channel) {
            self.who = who
            self.via = via
        }

        package init(json: JSONValue) throws(JSONFormError) {
            let reader = try JSONObjectReader(json)
            who = try reader.optionalString("who")
            via = try reader.choice("via")
        }

        package var json: JSONValue {
            .object(compacting: ["who": who.map(JSONValue.string), "via": .string(via.rawValue)])
        }

        package var text: String { "\(who.map(printable) ?? "somebody unknown") via \(via.rawValue)" }
    }

    package init(
        subject: DriftSubject, paths: [String], writers: [Writer], corrections: Int, since: Timestamp,
        nextCorrectionAt: Timestamp
    ) {
        self.subject = subject
        self.paths = paths
        self.writers = writers
        self.corrections = corrections
        self.since = since
        self.nextCorrectionAt = nextCorrectionAt
    }

    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        subject = try DriftSubject(reader)
        paths = try reader.strings("paths")
        writers = try reader.list("writers")
        corrections = try reader.integer("corrections")
        since = try reader.time("since")
        nextCorrectionAt = try reader.time("nextCorrectionAt")
    }

    package var json: JSONValue {
        var members: [String: JSONValue?] = subject.members
        members["paths"] = .array(paths.map(JSONValue.string))
        members["writers"] = writers.json
        members["corrections"] = .integer(corrections)
        members["since"] = .time(since)
        members["nextCorrectionAt"] = .time(nextCorrectionAt)
        return .object(compacting: members)
    }

    /// Names both sides; `ours` is the source and commit that git's side is enforced from.
    package func text(ours: String) -> String {
        let fields: String = paths.filter { !$0.isEmpty }.map(printable).joined(separator: " ")
        return "\(printable(subject.description))\(fields.isEmpty ? "" : " \(fields)"): "
            + "\(writers.map(\.text).joined(separator: ", ")) and \(ours) undo each other, "
            + "\(counted(corrections, "correction")) since \(since); the next one at \(nextCorrectionAt) at the earliest"
    }
}
