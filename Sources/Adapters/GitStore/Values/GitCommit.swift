package import Declarations
package import Telemetry

/// What a commit says of itself.
package struct GitCommit: Hashable, Sendable {
    package var id: ObjectID
    package var parents: [ObjectID]
    package var author: Person
    package var authoredAt: Timestamp
    package var committer: Person
    package var committedAt: Timestamp
    /// The whole message, at most 64 KiB of it. Bytes that are no UTF-8 are replaced.
    package var message: String

    /// A name as a commit carries it: anyone can write anything there.
    package struct Person: Hashable, Sendable {
        package var name: String
        package var email: String

        package init(name: String, email: String) {
            self.name = name
            self.email = email
        }
    }

    package init(
        id: ObjectID, parents: [ObjectID], author: Person, authoredAt: Timestamp, committer: Person,
        committedAt: Timestamp, message: String
    ) {
        self.id = id
        self.parents = parents
        self.author = author
        self.authoredAt = authoredAt
        self.committer = committer
        self.committedAt = committedAt
        self.message = message
    }

    /// The first line of the message.
    package var subject: String {
        for line in message.split(separator: "\n", omittingEmptySubsequences: false) {
            let text: Substring = line.trimmingSpace()
            if !text.isEmpty { return String(text) }
        }
        return ""
    }

    /// The values of the trailer `key` (`Key: value` in the last paragraph of the message), in order; the key's case
    /// does not matter.
    package func trailers(_ key: String) -> [String] {
        var values: [String] = []
        for line in lastParagraph {
            guard let colon = line.firstIndex(of: ":") else { continue }
            guard line[..<colon].lowercased() == key.lowercased() else { continue }
            values.append(String(line[line.index(after: colon)...].trimmingSpace()))
        }
        return values
    }

    /// The lines of the last paragraph; none where the message is its subject alone.
    private var lastParagraph: [Substring] {
        var paragraphs: [[Substring]] = [[]]
        for line in message.split(separator: "\n", omittingEmptySubsequences: false) {
            let text: Substring = line.trimmingSpace()
            if !text.isEmpty {
                paragraphs[paragraphs.count - 1].append(text)
            } else if paragraphs.last?.isEmpty == false {
                paragraphs.append([])
            }
        }
        let written: [[Substring]] = paragraphs.filter { !$0.isEmpty }
        return written.count > 1 ? written.last ?? [] : []
    }
}

/// Commits from newest to oldest, children before parents.
package struct CommitRange: Hashable, Sendable {
    package var commits: [GitCommit]
    /// Whether there are more than were asked for.
    package var isTruncated: Bool

    package init(commits: [GitCommit], isTruncated: Bool) {
        self.commits = commits
        self.isTruncated = isTruncated
    }
}

extension GitCommit: JSONCodable {
    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        id = try reader.objectID("id")
        parents = try reader.objectIDs("parents")
        author = Person(name: try reader.string("authorName"), email: try reader.string("authorEmail"))
        authoredAt = try reader.time("authoredAt")
        committer = Person(name: try reader.string("committerName"), email: try reader.string("committerEmail"))
        committedAt = try reader.time("committedAt")
        message = try reader.string("message")
    }

    package var json: JSONValue {
        [
            "id": .string(id.hex), "parents": .array(parents.map { .string($0.hex) }),
            "authorName": .string(author.name), "authorEmail": .string(author.email), "authoredAt": .time(authoredAt),
            "committerName": .string(committer.name), "committerEmail": .string(committer.email),
            "committedAt": .time(committedAt), "message": .string(message),
        ]
    }
}

extension Substring {
    /// Without white space at either end.
    func trimmingSpace() -> Substring {
        var rest: Substring = self
        while rest.first?.isWhitespace == true { rest.removeFirst() }
        while rest.last?.isWhitespace == true { rest.removeLast() }
        return rest
    }
}
