import ConfigAPI
import Declarations
import Reconciliation
import Telemetry

let source = "gitops-sync"
let now = Timestamp(milliseconds: 1_700_000_000_000)

/// A digest that is good enough to tell forms apart, without cryptography: FNV-1a in four lanes.
let testDigest: SHA256Function = { bytes in
    (UInt64(0)..<4).flatMap { lane in
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325 &+ lane &* 0x9e37_79b9_7f4a_7c15
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return (UInt64(0)..<8).map { UInt8(truncatingIfNeeded: hash >> ($0 * 8)) }
    }
}

func digest(_ key: ResourceKey, _ spec: JSONValue) -> String {
    hexadecimal(testDigest(Array("\(key) ".utf8) + spec.canonical))
}

func declaration(
    _ key: ResourceKey, _ spec: JSONValue, references: [ResourceKey] = [],
    annotations: ResourceAnnotations = ResourceAnnotations()
) -> Declaration {
    Declaration(
        key: key, spec: spec, digest: digest(key, spec), references: references, annotations: annotations,
        file: "\(key.name).yaml")
}

func annotations(drift: DriftPolicy = .correct, keeps: Bool = false, adopts: Bool = false) -> ResourceAnnotations {
    var annotations = ResourceAnnotations()
    annotations.drift = drift
    annotations.keepsOnPrune = keeps
    annotations.adopts = adopts
    return annotations
}

/// References as the tests write them: the list `/notifiers` of a spec.
func testReferences(_ key: ResourceKey, _ spec: JSONValue) -> [ResourceKey] {
    (spec["notifiers"]?.array ?? []).compactMap(\.string).map { ResourceKey(.notifier, $0) }
}

func testRedaction(_ spec: JSONValue, _ kind: ResourceKind) -> JSONValue {
    redacted(spec, kind: kind) { hexadecimal(testDigest(Array($0.utf8))) }
}

/// A store, an inventory and what reads and changes them as the daemon does.
struct World {
    var store = ConfigStoreModel(storeId: "store-1")
    var inventory = Inventory.empty
    var agents: [AgentView] = []
    var requests = 0
    var tolerated: Set<ResourceKey> = []
    var isDeferred: @Sendable (DriftSubject, [String]) -> Bool = { _, _ in false }

    func live(deletions: [ResourceKey: ChangedBy] = [:]) -> LiveState {
        LiveState(server: .present(store.snapshot), agents: .present(agents), deletions: deletions)
    }

    func comparison(_ declared: DeclaredState, live: LiveState? = nil) -> Comparison {
        compare(
            declared: declared, inventory: inventory, live: live ?? self.live(),
            context: ComparisonContext(
                source: source, now: now, grace: .seconds(30), sha256: testDigest,
                tolerated: tolerated))
    }

    func plan(
        _ declared: DeclaredState, mode: RunMode = .enforce, allow: Set<Permission> = [],
        recentDeletions: Set<ResourceKey> = [], previous: DeclaredState? = nil, live: LiveState? = nil,
        judgesCommit: Bool = true, noise: [ResourceKey: NoiseEvidence] = [:]
    ) -> Plan {
        Reconciliation.plan(
            comparison(declared, live: live),
            context: PlanContext(
                mode: mode, permissions: allow, recentDeletions: recentDeletions, previous: previous,
                judgesCommit: judgesCommit, noise: noise, tolerated: tolerated, isDeferred: isDeferred,
                references: testReferences, redact: testRedaction))
    }

    /// Applies the first `count` store steps of a plan, or all.
    mutating func apply(_ plan: Plan, count: Int? = nil) throws {
        requests += 1
        guard var patch = plan.patch(requestId: "r\(requests)", leaseEpoch: nil, sources: [:]) else { return }
        patch.changes = Array(patch.changes.prefix(count ?? patch.changes.count))
        _ = try store.apply(patch, as: source, digest: digest)
    }

    mutating func remember(_ declared: DeclaredState) {
        inventory = inventory.updated(from: store.snapshot, declared: declared, source: source)
    }

    /// A whole run that allows everything.
    mutating func converge(_ declared: DeclaredState) throws {
        try apply(plan(declared, allow: Set(Permission.allCases)))
        remember(declared)
    }

    mutating func edit(_ key: ResourceKey, _ spec: JSONValue?, by who: String = "alice") {
        store.change(key, to: spec, by: ChangedBy(who: who, at: now, via: .sql), digest: digest)
    }
}

func state(_ revision: String, _ resources: Declaration...) -> DeclaredState {
    DeclaredState(revision: revision, resources: resources)
}

/// SplitMix64: the same seed gives the same world on every machine.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed: UInt64 = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
