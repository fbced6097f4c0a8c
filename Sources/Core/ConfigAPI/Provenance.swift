package import Declarations
package import Telemetry

/// Who changed something last, when, and through what. Unknown is an answer; a name is never guessed.
package struct ChangedBy: Hashable, Sendable, JSONCodable {
    /// A token's subject, a database role, a file's owner; nil where nobody knows.
    package var who: String?
    package var at: Timestamp?
    package var via: Channel
    /// What else is known of an SQL session: application name, client address, backend start, transaction.
    package var details: [String: String]

    package enum Channel: String, CaseIterable, Sendable {
        case git, api, sql, file
        /// A unit of the machine, which anybody who is root there can change.
        case systemd
        /// A difference without an audit record: triggers disabled, a superuser, a restored table.
        case unaudited
    }

    /// Nobody knows: no record was made of it.
    package static let unaudited = ChangedBy(who: nil, at: nil, via: .unaudited)

    package init(who: String?, at: Timestamp?, via: Channel, details: [String: String] = [:]) {
        self.who = who
        self.at = at
        self.via = via
        self.details = details
    }

    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        who = try reader.optionalString("who")
        at = try reader.optionalTime("at")
        via = try reader.choice("via")
        details = try reader.stringMap("details")
    }

    package var json: JSONValue {
        .object([
            "who": who.map(JSONValue.string) ?? .null, "at": at.map(JSONValue.time) ?? .null,
            "via": .string(via.rawValue), "details": details.json,
        ])
    }
}

/// Where in git a resource's present form comes from: the commit that last changed its digest.
package struct ResourceSource: Hashable, Sendable, JSONCodable {
    package var commit: String
    package var file: String
    package var line: Int
    package var author: String
    package var authoredAt: Timestamp
    package var subject: String

    package init(commit: String, file: String, line: Int, author: String, authoredAt: Timestamp, subject: String) {
        self.commit = commit
        self.file = file
        self.line = line
        self.author = author
        self.authoredAt = authoredAt
        self.subject = subject
    }

    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        commit = try reader.string("commit")
        file = try reader.string("file")
        line = try reader.integer("line")
        author = try reader.string("author")
        authoredAt = try reader.time("authoredAt")
        subject = try reader.string("subject")
    }

    package var json: JSONValue {
        [
            "commit": .string(commit), "file": .string(file), "line": .integer(line), "author": .string(author),
            "authoredAt": .time(authoredAt), "subject": .string(subject),
        ]
    }
}

/// What `gitops-sync` last applied to a resource.
package struct Applied: Hashable, Sendable, JSONCodable {
    package var digest: String
    /// The commit's id.
    package var revision: String

    package init(digest: String, revision: String) {
        self.digest = digest
        self.revision = revision
    }

    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        digest = try reader.string("digest")
        revision = try reader.string("revision")
    }

    package var json: JSONValue { ["digest": .string(digest), "revision": .string(revision)] }
}
