import Declarations

/// A commit with its signature and what that is over, as git keeps them. Nothing is verified yet.
package struct SignedCommit: Hashable, Sendable {
    package var id: ObjectID
    /// Nil where the commit is not signed.
    package var signature: [UInt8]?
    /// The commit without its signature; empty where there is none.
    package var payload: [UInt8]

    package init(id: ObjectID, signature: [UInt8]?, payload: [UInt8]) {
        self.id = id
        self.signature = signature
        self.payload = payload
    }
}

extension WorkerAnswer {
    /// The commits as a header; signature and payload of each signed one follow as two blobs, in order.
    init(_ commits: [SignedCommit]) {
        let entries: [JSONValue] = commits.map {
            ["id": .string($0.id.hex), "isSigned": .bool($0.signature != nil)]
        }
        self.init(
            .success(["commits": .array(entries)]),
            blobs: commits.flatMap { commit in commit.signature.map { [$0, commit.payload] } ?? [] })
    }

    static func signedCommits(header: JSONValue, blobs: [[UInt8]]) throws(JSONFormError) -> [SignedCommit] {
        var commits: [SignedCommit] = []
        var rest: ArraySlice<[UInt8]> = blobs[...]
        for entry in try JSONObjectReader(header).array("commits") {
            let reader = try JSONObjectReader(entry)
            var commit = SignedCommit(id: try reader.objectID("id"), signature: nil, payload: [])
            if try reader.bool("isSigned", default: false) {
                guard let signature = rest.popFirst(), let payload = rest.popFirst() else {
                    throw reader.error("isSigned", "its bytes are missing")
                }
                commit.signature = signature
                commit.payload = payload
            }
            commits.append(commit)
        }
        return commits
    }
}
