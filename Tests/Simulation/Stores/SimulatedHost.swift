import ConfigAPI
import Declarations
import Runtime
import Telemetry

/// One agent, as far as its configuration goes: what it is to run, what it runs, and its file.
struct SimulatedHost {
    let name: String
    private(set) var expected: AgentConfig
    private var expectedSince: Timestamp
    private var received: AgentConfig
    private var running: [AgentConfig.Item] = []
    private var fileDigest: String
    private var changedAt: Timestamp?
    private var lastSeen: Timestamp
    private var shown: AgentView?
    /// Nobody hears of it, and it hears of nothing.
    var isAway = false
    /// `Kind/name` of what it was told to set right.
    var resync: Set<String> = []

    init(name: String, now: Timestamp) {
        self.name = name
        let digest: String = Self.digest([])
        expected = AgentConfig(storeId: "", generation: 1, digest: digest, resources: [])
        received = expected
        fileDigest = digest
        expectedSince = now
        lastSeen = now
    }

    /// Whether what it is to run changed.
    mutating func expect(_ items: [AgentConfig.Item], of store: StoreModel, now: Timestamp) -> Bool {
        let digest: String = Self.digest(items)
        expected.storeId = store.storeId
        expected.generation = store.generation
        guard digest != expected.digest else { return false }
        shown = nil
        expected.digest = digest
        expected.resources = items
        expectedSince = now
        return true
    }

    /// A new expectation is taken as a whole; of the same one only what it was told to set right.
    mutating func follow(now: Timestamp) {
        guard !isAway else { return }
        lastSeen = now
        guard received.digest != expected.digest || !resync.isEmpty else { return }
        shown = nil
        if received.digest != expected.digest {
            received = expected
            running = expected.resources
            changedAt = now
        } else {
            let kept: [AgentConfig.Item] = running.filter { !resync.contains("\($0.kind)/\($0.name)") }
            running = (kept + expected.resources.filter { resync.contains("\($0.kind)/\($0.name)") })
                .sorted { ($0.kind, $0.name) < ($1.kind, $1.name) }
            changedAt = now
        }
        resync = []
        fileDigest = Self.digest(running)
    }

    /// Somebody edits `config.json`: one resource gets another interval, or goes.
    mutating func edit(removes: Bool, variant: Int, now: Timestamp) {
        shown = nil
        guard !running.isEmpty else { return }
        if removes {
            running.removeFirst()
        } else if let key = ResourceKey("\(running[0].kind)/\(running[0].name)") {
            let resource: Resource = Vocabulary.resource(key, variant).resource
            running[0].spec = resource.spec
            running[0].digest = resource.digest
        }
        changedAt = now
        fileDigest = Self.digest(running)
    }

    /// Whether it runs what it is to run, of the resources that count.
    func isRight(_ counts: (ResourceKey) -> Bool) -> Bool {
        func counted(_ items: [AgentConfig.Item]) -> [AgentConfig.Item] {
            items.filter { ResourceKey("\($0.kind)/\($0.name)").map(counts) ?? false }
        }
        return counted(running) == counted(expected.resources)
    }

    /// As the server shows it, once through its JSON for each state. A host that is here says so every few seconds.
    mutating func view(now: Timestamp) -> AgentView {
        let fresh: AgentView = shown ?? throughJSON(statement)
        shown = fresh
        var view: AgentView = fresh
        view.expected.storeId = expected.storeId
        view.expected.generation = expected.generation
        view.lastSeen = isAway ? lastSeen : now
        view.isFresh = now - view.lastSeen < .seconds(50)
        return view
    }

    private var statement: AgentView {
        AgentView(
            host: name, lastSeen: lastSeen, isFresh: true, expected: expected,
            expectedSince: expectedSince,
            status: AgentStatus(
                host: name, agentId: name, bootId: "1", version: "1",
                running: .init(
                    storeId: received.storeId, generation: received.generation, digest: Self.digest(running),
                    resources: running.map {
                        .init(kind: $0.kind, name: $0.name, spec: $0.spec, digest: $0.digest, state: .running)
                    }),
                file: .init(
                    digest: fileDigest, receivedDigest: received.digest, changedAt: changedAt, owner: "root"),
                clockOffsetMilliseconds: 0, facts: [:]))
    }

    private static func digest(_ items: [AgentConfig.Item]) -> String {
        setDigest(
            of: items.compactMap { item in ResourceKey("\(item.kind)/\(item.name)").map { ($0, item.digest) } },
            sha256: Digests.sha256)
    }
}
