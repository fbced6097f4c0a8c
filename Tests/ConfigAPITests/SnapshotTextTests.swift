import ConfigAPI
import Declarations
import Telemetry
import Testing

@testable import ConfigAPIServer

/// What is remembered of earlier answers is never seen in one.
@Suite struct SnapshotTextTests {
    private func resource(_ number: Int, _ form: Int) -> StoredResource {
        StoredResource(
            key: ResourceKey(.alertRule, "rule-\(number)"), spec: ["expr": .string("up > \(form)")],
            digest: "\(number)/\(form)", owner: "gitops-sync")
    }

    private func snapshot(_ resources: [StoredResource], generation: Int) -> ConfigSnapshot {
        ConfigSnapshot(storeId: "store", generation: generation, digest: "", instances: [], resources: resources)
    }

    @Test func `texts that are remembered are those of what is there now`() throws {
        let remembering = SnapshotText()
        var random = SystemRandomNumberGenerator()
        var resources: [StoredResource] = []
        var tags: [String: [StoredResource]] = [:]
        for _ in 0..<200 {
            let number = Int.random(in: 0..<12, using: &random)
            let place: Int? = resources.firstIndex { $0.key.name == "rule-\(number)" }
            switch (Int.random(in: 0..<4, using: &random), place) {
            case (0, let place?): resources.remove(at: place)
            case (1, let place?): resources[place].health = .init(state: .failing, message: "\(number)")
            case (_, let place?): resources[place] = resource(number, Int.random(in: 0..<3, using: &random))
            // Also out of order: then it is written again, and right.
            case (let end, nil): resources.insert(resource(number, 0), at: end == 3 ? 0 : resources.count)
            }
            let snapshot = snapshot(resources, generation: 1)
            let tag: String = remembering.tag(of: snapshot, isRedacted: false)
            #expect(try JSONValue(parsing: remembering.body(of: snapshot)) == snapshot.json)
            #expect(tag == SnapshotText().tag(of: snapshot, isRedacted: false))
            #expect(tags[tag] ?? resources == resources, "one tag for two states")
            tags[tag] = resources
        }
    }

    @Test func `a resource that is changed leaves its copies as they were`() {
        let first: StoredResource = resource(1, 0)
        var second: StoredResource = first
        #expect(second.isIdentical(to: first))
        second.owner = "somebody"
        #expect(first.owner == "gitops-sync")
        #expect(second != first)
        second.owner = "gitops-sync"
        #expect(second == first)
        #expect(!second.isIdentical(to: first))
    }
}
