package import Declarations

/// A file, or some lines of it, whose last change is asked for.
package struct SourceQuestion: Hashable, Sendable {
    /// Below the root that is given with the question.
    package var path: String
    /// Lines from 1; nil asks for the file as a whole.
    package var lines: ClosedRange<Int>?

    package init(path: String, lines: ClosedRange<Int>? = nil) {
        self.path = path
        self.lines = lines
    }
}

/// Which commit last changed what was asked for. Lines that only moved within their file keep their commit.
package struct GitSources: Hashable, Sendable {
    /// One answer for each question, in order; nil where the search ended at its limits or there is no such file.
    package var answers: [ObjectID?]
    /// What the answers name.
    package var commits: [ObjectID: GitCommit]

    package init(answers: [ObjectID?], commits: [ObjectID: GitCommit]) {
        self.answers = answers
        self.commits = commits
    }

    /// The commit that answers question `index`.
    package func commit(_ index: Int) -> GitCommit? {
        guard answers.indices.contains(index), let id = answers[index] else { return nil }
        return commits[id]
    }
}

extension SourceQuestion: JSONCodable {
    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        path = try reader.string("path")
        guard let first = try reader.optionalInteger("first") else { return }
        let last: Int = try reader.integer("last")
        guard first >= 1, last >= first else { throw reader.error("last", "expected lines in order, from 1") }
        lines = first...last
    }

    package var json: JSONValue {
        .object(compacting: [
            "path": .string(path), "first": lines.map { .integer($0.lowerBound) },
            "last": lines.map { .integer($0.upperBound) },
        ])
    }
}

extension GitSources: JSONCodable {
    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        answers = []
        for answer in try reader.array("answers") { answers.append(answer.string.flatMap(ObjectID.init(hex:))) }
        commits = [:]
        for commit in try reader.list("commits", of: GitCommit.self) { commits[commit.id] = commit }
    }

    package var json: JSONValue {
        [
            "answers": .array(answers.map { id in id.map { .string($0.hex) } ?? .null }),
            "commits": .array(commits.values.map(\.json)),
        ]
    }
}
