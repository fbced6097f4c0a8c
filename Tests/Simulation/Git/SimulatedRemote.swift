import Declarations
import GitStore
import Telemetry

/// What somebody pushed: what the commit says and whether it can be taken, known without reading it.
struct SimulatedCommit: Sendable {
    enum Fault: Hashable, Sendable {
        /// A manifest with a field that no kind has.
        case unknownField
        /// A rule that names a notifier which is not there.
        case danglingReference
        /// A file that is no YAML.
        case notYAML
        /// A link in the tree, which is not read: the listing is not complete.
        case symlink
    }

    var id: ObjectID
    var parents: [ObjectID]
    var entries: [ResourceKey: Entry]
    var fault: Fault?
    /// The message has the trailer that lets everything pass.
    var isPermitted: Bool
    var number: Int
    /// Blobs by path.
    var files: [String: SimulatedFile]

    var isValid: Bool { fault == nil }
}

struct SimulatedFile: Sendable {
    var blob: ObjectID
    var bytes: [UInt8]
}

/// The truth: every commit that was ever pushed, and where the branch is.
struct SimulatedRemote {
    private(set) var commits: [ObjectID: SimulatedCommit] = [:]
    private(set) var order: [ObjectID] = []
    private(set) var head: ObjectID?
    private var blobs: [[UInt8]: ObjectID] = [:]

    var headCommit: SimulatedCommit? { head.flatMap { commits[$0] } }

    /// Adds a commit and moves the branch to it.
    @discardableResult
    mutating func push(
        _ entries: [ResourceKey: Entry], parents: [ObjectID], fault: SimulatedCommit.Fault? = nil, isPermitted: Bool
    ) -> ObjectID {
        let number: Int = order.count + 1
        let id = Self.id(kind: 1, number)
        var files: [String: SimulatedFile] = [:]
        for (key, entry) in entries {
            files["\(key.kind.rawValue)/\(key.name).yaml"] = file(Vocabulary.manifest(key, entry))
        }
        switch fault {
        case .unknownField:
            let text =
                "apiVersion: plumbline/v1\nkind: HostGroup\nmetadata: {name: g0}\nspec: {hosts: [a], hostz: [b]}\n"
            files["HostGroup/g0.yaml"] = file(Array(text.utf8))
        case .danglingReference:
            let text =
                "apiVersion: plumbline/v1\nkind: AlertRule\nmetadata: {name: a0}\n"
                + "spec: {expr: up, notifiers: [nobody]}\n"
            files["AlertRule/a0.yaml"] = file(Array(text.utf8))
        case .notYAML: files["HostGroup/g1.yaml"] = file(Array("kind: [".utf8))
        case .symlink, nil: break
        }
        let commit = SimulatedCommit(
            id: id, parents: parents, entries: entries, fault: fault, isPermitted: isPermitted, number: number,
            files: files)
        commits[id] = commit
        order.append(id)
        head = id
        return id
    }

    /// Somebody moves the branch by force.
    mutating func move(to id: ObjectID) { head = id }

    private mutating func file(_ bytes: [UInt8]) -> SimulatedFile {
        let blob: ObjectID = blobs[bytes] ?? Self.id(kind: 2, blobs.count + 1)
        blobs[bytes] = blob
        return SimulatedFile(blob: blob, bytes: bytes)
    }

    static func id(kind: Int, _ number: Int) -> ObjectID {
        let digits: String = String(number, radix: 16)
        let text: String = "\(kind)" + String(repeating: "0", count: 6 - digits.count) + digits
        guard let id = ObjectID(hex: text + String(repeating: "0", count: 33)) else {
            preconditionFailure("not 40 digits: \(text)")
        }
        return id
    }

    /// Whether `old` is `new` or one of its ancestors.
    func isDescendant(_ new: ObjectID, of old: ObjectID) -> Bool { ancestors(of: new).contains(old) }

    /// `id` and everything before it.
    func ancestors(of id: ObjectID) -> Set<ObjectID> {
        var found: Set<ObjectID> = []
        var open: [ObjectID] = [id]
        while let next = open.popLast() {
            guard let commit = commits[next], found.insert(next).inserted else { continue }
            open += commit.parents
        }
        return found
    }

    /// The commits that `new` has and `old` has not, newest first.
    func commits(after old: ObjectID?, through new: ObjectID) -> [SimulatedCommit] {
        let known: Set<ObjectID> = old.map(ancestors) ?? []
        return ancestors(of: new).subtracting(known).compactMap { commits[$0] }.sorted { $0.number > $1.number }
    }
}
