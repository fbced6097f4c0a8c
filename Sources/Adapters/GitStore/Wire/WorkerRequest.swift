package import Declarations
import Telemetry

/// What the daemon asks a worker: one JSON line on its standard input.
package struct WorkerRequest: Sendable, JSONCodable {
    /// The store's folder.
    package var folder: String
    /// After this many seconds the worker ends itself, should nobody be left to end it.
    package var deadlineSeconds: Int
    package var limits: GitLimits
    package var operation: Operation

    package enum Operation: Sendable {
        case fetch(remote: GitRemote, branch: String)
        case resolve(revision: String)
        case commit(ObjectID)
        case isDescendant(ObjectID, of: ObjectID)
        case commits(after: ObjectID?, through: ObjectID, atMost: Int)
        case tree(commit: ObjectID, filter: TreeFilter, known: [ObjectID])
        case sources(commit: ObjectID, root: String, questions: [SourceQuestion], budgetMilliseconds: Int)
        case keep(ObjectID, name: String)
        case signatures(of: [ObjectID])
        case branches(remote: GitRemote)
    }

    /// The remote that is asked, where one is.
    var remote: GitRemote? {
        switch operation {
        case .fetch(let remote, _), .branches(let remote): remote
        default: nil
        }
    }

    /// How errors name what is being done.
    package var title: String {
        switch operation {
        case .fetch(let remote, let branch): "fetching \(branch) from \(remote.displayedURL)"
        case .resolve(let revision): "looking up revision \"\(revision)\""
        case .commit(let id): "reading commit \(id.short)"
        case .isDescendant(let new, let old): "comparing commit \(new.short) with \(old.short)"
        case .commits(_, let through, _): "listing the commits up to \(through.short)"
        case .tree(let commit, _, _): "reading the files of commit \(commit.short)"
        case .sources(let commit, _, _, _): "searching the history of commit \(commit.short)"
        case .keep(let commit, _): "keeping commit \(commit.short)"
        case .signatures(let commits): "reading the signatures of \(commits.count) commits"
        case .branches(let remote): "listing the branches of \(remote.displayedURL)"
        }
    }
}

extension WorkerRequest {
    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        folder = try reader.string("folder")
        deadlineSeconds = try reader.integer("deadlineSeconds")
        limits = try reader.value("limits")
        switch try reader.string("operation") {
        case "fetch": operation = .fetch(remote: try reader.value("remote"), branch: try reader.string("branch"))
        case "resolve": operation = .resolve(revision: try reader.string("revision"))
        case "commit": operation = .commit(try reader.objectID("commit"))
        case "isDescendant":
            operation = .isDescendant(try reader.objectID("commit"), of: try reader.objectID("ancestor"))
        case "commits":
            let after: ObjectID? = reader.optional("after") == nil ? nil : try reader.objectID("after")
            operation = .commits(
                after: after, through: try reader.objectID("commit"), atMost: try reader.integer("atMost"))
        case "tree":
            operation = .tree(
                commit: try reader.objectID("commit"), filter: try reader.value("filter"),
                known: try reader.objectIDs("known"))
        case "sources":
            operation = .sources(
                commit: try reader.objectID("commit"), root: try reader.string("root"),
                questions: try reader.list("questions"), budgetMilliseconds: try reader.integer("budget"))
        case "keep": operation = .keep(try reader.objectID("commit"), name: try reader.string("name"))
        case "signatures": operation = .signatures(of: try reader.objectIDs("commits"))
        case "branches": operation = .branches(remote: try reader.value("remote"))
        case let other: throw reader.error("operation", "unknown operation \"\(other)\"")
        }
    }

    package var json: JSONValue {
        var members: [String: JSONValue?] = [
            "folder": .string(folder), "deadlineSeconds": .integer(deadlineSeconds), "limits": limits.json,
        ]
        members.merge(operation.members) { _, new in new }
        return .object(compacting: members)
    }
}

extension WorkerRequest.Operation {
    fileprivate var members: [String: JSONValue?] {
        switch self {
        case .fetch(let remote, let branch):
            ["operation": "fetch", "remote": remote.json, "branch": .string(branch)]
        case .resolve(let revision): ["operation": "resolve", "revision": .string(revision)]
        case .commit(let id): ["operation": "commit", "commit": .string(id.hex)]
        case .isDescendant(let new, let old):
            ["operation": "isDescendant", "commit": .string(new.hex), "ancestor": .string(old.hex)]
        case .commits(let after, let through, let most):
            [
                "operation": "commits", "after": after.map { .string($0.hex) }, "commit": .string(through.hex),
                "atMost": .integer(most),
            ]
        case .tree(let commit, let filter, let known):
            [
                "operation": "tree", "commit": .string(commit.hex), "filter": filter.json,
                "known": .array(known.map { .string($0.hex) }),
            ]
        case .sources(let commit, let root, let questions, let budget):
            [
                "operation": "sources", "commit": .string(commit.hex), "root": .string(root),
                "questions": questions.json, "budget": .integer(budget),
            ]
        case .keep(let commit, let name): ["operation": "keep", "commit": .string(commit.hex), "name": .string(name)]
        case .signatures(let commits):
            ["operation": "signatures", "commits": .array(commits.map { .string($0.hex) })]
        case .branches(let remote): ["operation": "branches", "remote": remote.json]
        }
    }
}
