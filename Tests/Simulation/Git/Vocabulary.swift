import Declarations
import GitStore
import Runtime
import SyncDaemon
import Synchronization

/// What a manifest of the simulation says of one resource. `variant` stands for a whole spec.
struct Entry: Hashable, Sendable, CustomStringConvertible {
    var variant: Int
    var drift: DriftPolicy = .correct
    var isKept = false

    init(_ variant: Int, drift: DriftPolicy = .correct, isKept: Bool = false) {
        self.variant = variant
        self.drift = drift
        self.isKept = isKept
    }

    var description: String {
        "\(variant)" + (drift == .correct ? "" : " \(drift.rawValue)") + (isKept ? " keep" : "")
    }
}

/// The resources that schedules are about.
enum Vocabulary {
    /// Stands in every secret, and may stand nowhere else.
    static let secretMark = "S3CRET"

    static let notifiers: [ResourceKey] = (0..<3).map { ResourceKey(.notifier, "n\($0)") }
    static let groups: [ResourceKey] = (0..<6).map { ResourceKey(.hostGroup, "g\($0)") }
    static let rules: [ResourceKey] = (0..<3).map { ResourceKey(.alertRule, "a\($0)") }
    static let retentions: [ResourceKey] = [ResourceKey(.retention, "metrics")]
    static let collectors: [ResourceKey] = (0..<2).map { ResourceKey(.collector, "c\($0)") }
    static let pipelines: [ResourceKey] = (0..<5).map { ResourceKey(.pipeline, "p\($0)") }
    static let ofServer: [ResourceKey] = groups + groups + notifiers + rules + collectors
    static let all: [ResourceKey] = ofServer + pipelines

    static func spec(_ key: ResourceKey, _ variant: Int) -> JSONValue {
        switch key.kind {
        case .hostGroup: ["hosts": [.string("\(key.name)-\(variant)")]]
        case .notifier: ["type": "webhook", "url": .string("https://hooks.example/\(secretMark)-\(variant)")]
        case .alertRule:
            ["expr": .string("node_load1 > \(variant)"), "notifiers": [.string("n\(variant % notifiers.count)")]]
        case .retention: ["dataset": "metrics", "keep": .string("\(30 + variant)d")]
        case .collector:
            ["source": key.name == "c0" ? "cpu" : "memory", "interval": .string("\(10 + variant)s")]
        case .pipeline:
            [
                "source": ["file": ["path": "/srv/events/*.ndjson"]],
                "mapping": ["source": ["default": "a"], "type": ["default": "b"]],
                "batchSize": .integer(100 + variant),
            ]
        default: preconditionFailure("no such kind in the simulation")
        }
    }

    /// What the spec refers to.
    static func reference(_ key: ResourceKey, _ variant: Int) -> ResourceKey? {
        key.kind == .alertRule ? notifiers[variant % notifiers.count] : nil
    }

    static func manifest(_ key: ResourceKey, _ entry: Entry) -> [UInt8] {
        var annotations: [String: JSONValue] = [:]
        if entry.drift != .correct { annotations["plumbline/drift"] = .string(entry.drift.rawValue) }
        if entry.isKept { annotations["plumbline/prune"] = "keep" }
        var metadata: [String: JSONValue] = ["name": .string(key.name)]
        if !annotations.isEmpty { metadata["annotations"] = .object(annotations) }
        return JSONValue.object([
            "apiVersion": "plumbline/v1", "kind": .string(key.kind.rawValue), "metadata": .object(metadata),
            "spec": spec(key, entry.variant),
        ]).canonical
    }

    static let decoder = ResourceDecoder(sha256: Digests.sha256)

    private struct Form: Hashable {
        var key: ResourceKey
        var variant: Int
    }

    private static let decoded = Mutex<[Form: DecodedResource]>([:])

    /// The production decoder's reading of a variant; the same for every schedule.
    static func resource(_ key: ResourceKey, _ variant: Int) -> DecodedResource {
        let form = Form(key: key, variant: variant)
        return decoded.withLock { known in
            if let found = known[form] { return found }
            guard
                case .success(let resource) = decoder.resource(kind: key.kind, name: key.name, spec: spec(key, variant))
            else { preconditionFailure("\(key) in variant \(variant) is not valid") }
            known[form] = resource
            return resource
        }
    }

    static func digest(_ key: ResourceKey, _ variant: Int) -> String { resource(key, variant).resource.digest }
}
