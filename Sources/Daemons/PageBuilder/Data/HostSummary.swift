package import Declarations
package import Telemetry

/// What a page tells of hosts: how many are what, and by name only where the StatusPage says so.
package struct HostSummary: Hashable, Sendable {
    package var ok: Int
    package var total: Int
    /// Empty unless names are to be shown.
    package var hosts: [Host]

    package struct Host: Hashable, Sendable {
        package var name: String
        /// `ok`, `stale`, `down` or `unknown`.
        package var status: String

        package init(name: String, status: String) {
            self.name = name
            self.status = status
        }
    }

    package init(ok: Int, total: Int, hosts: [Host] = []) {
        self.ok = ok
        self.total = total
        self.hosts = hosts
    }

    /// Nil where the page tells nothing of hosts.
    package init?(_ hosts: [Host], showing: StatusPageSpec.Hosts) {
        guard showing != .none else { return nil }
        self.init(
            ok: hosts.count { $0.status == "ok" }, total: hosts.count,
            hosts: showing == .names ? hosts.sorted { $0.name < $1.name } : [])
    }
}

/// The commit that is applied, as much of it as the page tells.
package struct AppliedCommit: Hashable, Sendable {
    package var id: String
    package var committedAt: Timestamp?
    /// Nil unless the page tells all.
    package var author: String?
    package var subject: String?
    /// The outcome of the last reconcile run: `inSync`, `corrected` and so on.
    package var outcome: String

    package init(
        id: String, committedAt: Timestamp? = nil, author: String? = nil, subject: String? = nil, outcome: String
    ) {
        self.id = id
        self.committedAt = committedAt
        self.author = author
        self.subject = subject
        self.outcome = outcome
    }

    /// Of a drift report; nil where it names no commit or the page tells nothing of commits.
    package init?(report: JSONValue, showing: StatusPageSpec.Commit) {
        guard showing != .none, let commit = report["commit"], let id = commit["id"]?.string else { return nil }
        let isFull: Bool = showing == .full
        self.init(
            id: id, committedAt: (commit["committedAt"]?.string).flatMap { Timestamp(rfc3339: $0) },
            author: isFull ? commit["author"]?.string : nil, subject: isFull ? commit["subject"]?.string : nil,
            outcome: report["outcome"]?.string ?? "unknown")
    }
}

extension HostSummary: JSONCodable {
    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        var hosts: [Host] = []
        for item in try reader.array("hosts") {
            let host = try JSONObjectReader(item, path: "/hosts")
            hosts.append(Host(name: try host.string("name"), status: try host.string("status")))
        }
        self.init(ok: try reader.integer("ok"), total: try reader.integer("total"), hosts: hosts)
    }

    package var json: JSONValue {
        .object(compacting: [
            "ok": .integer(ok), "total": .integer(total),
            "hosts": hosts.isEmpty
                ? nil : .array(hosts.map { ["name": .string($0.name), "status": .string($0.status)] }),
        ])
    }
}

extension AppliedCommit: JSONCodable {
    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        self.init(
            id: try reader.string("id"), committedAt: try reader.optionalTime("committedAt"),
            author: try reader.optionalString("author"), subject: try reader.optionalString("subject"),
            outcome: try reader.string("outcome"))
    }

    package var json: JSONValue {
        .object(compacting: [
            "id": .string(id), "committedAt": committedAt.map(JSONValue.time), "author": author.map(JSONValue.string),
            "subject": subject.map(JSONValue.string), "outcome": .string(outcome),
        ])
    }
}
