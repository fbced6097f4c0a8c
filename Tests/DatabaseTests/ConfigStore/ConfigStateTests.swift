import ConfigAPI
import Database
import Declarations
import Runtime
import Telemetry
import TestSupport
import Testing

@Suite struct ConfigStateTests {
    private typealias Fixture = ConfigStoreFixture

    @Test func `instances show what they loaded, and are stale without a heartbeat`() async throws {
        let fixture = try await Fixture()
        func beat(_ id: String, _ generation: Int) async throws {
            try await fixture.store.heartbeat(
                .init(
                    id: id, loadedGeneration: generation, loadedDigest: "d\(generation)", error: nil,
                    heartbeatAt: Timestamp(milliseconds: 0), isFresh: false))
        }
        try await beat("a", 1)
        try await beat("b", 1)
        try await beat("b", 2)
        try await fixture.database.superuser(
            "UPDATE instances SET heartbeat_at = now() - interval '1 minute' WHERE id = 'a'")
        let instances = try await fixture.store.snapshot().instances
        #expect(
            instances.map { "\($0.id) \($0.loadedGeneration) \($0.loadedDigest) \($0.isFresh)" } == [
                "a 1 d1 false", "b 2 d2 true",
            ])
        try await fixture.store.removeInstance(id: "a")
        #expect(try await fixture.store.snapshot().instances.map(\.id) == ["b"])
    }

    @Test func `health is what the component said last and bumps no generation`() async throws {
        let fixture = try await Fixture()
        let before: ConfigSnapshot = try await fixture.enforce([Fixture.put("Notifier", "ops", Fixture.notifier)])
        let key = ResourceKey(.notifier, "ops")
        try await fixture.store.setHealth([key: .init(state: .secretMissing, message: "no secret \"token\"")])
        let ill: StoredResource = try await fixture.resource(.notifier, "ops")
        let state: StoreState = try await fixture.store.state()
        #expect(state.unhealthy == ["Notifier/ops": ill.health])
        let present: ConfigSnapshot = try await fixture.store.snapshot()
        #expect(before.continued(by: state) == present)
        #expect(ill.health == .init(state: .secretMissing, message: "no secret \"token\""))
        try await fixture.store.setHealth([:])
        #expect(try await fixture.store.snapshot() == before)
    }

    @Test func `the fingerprint stays while nothing changes and moves with every change`() async throws {
        let fixture = try await Fixture()
        var seen: [String] = [try await fixture.store.fingerprint()]
        #expect(try await fixture.store.fingerprint() == seen[0])
        try await fixture.enforce([Fixture.put("Collector", "cpu", Fixture.collector())])
        seen.append(try await fixture.store.fingerprint())
        try await fixture.database.person("UPDATE resources SET spec = spec || '{\"interval\": \"3s\"}'")
        seen.append(try await fixture.store.fingerprint())
        try await fixture.database.person("DELETE FROM resources")
        seen.append(try await fixture.store.fingerprint())
        #expect(Set(seen).count == 4)
    }

    @Test func `a page of the audit is as long as was asked for and the next one goes on`() async throws {
        let fixture = try await Fixture()
        for number in 1...5 {
            try await fixture.database.person(
                "INSERT INTO resources (kind, name, spec) VALUES ('Collector', $1, '{}')", [.text("c\(number)")])
        }
        let first: [AuditEntry] = try await fixture.store.audit(since: 0, limit: 3)
        let second: [AuditEntry] = try await fixture.store.audit(since: first.last?.generation ?? 0, limit: 3)
        #expect((first + second).map(\.name) == ["c1", "c2", "c3", "c4", "c5"])
    }

    /// One transaction is one generation: a page that ended within it would have no next one.
    @Test func `a page of the audit ends with a generation`() async throws {
        let fixture = try await Fixture()
        try await fixture.database.person(
            "INSERT INTO resources (kind, name, spec) SELECT 'Collector', 'c' || n, '{}' FROM generate_series(1, 5) n")
        try await fixture.database.person("DELETE FROM resources")
        let first: [AuditEntry] = try await fixture.store.audit(since: 0, limit: 3)
        let second: [AuditEntry] = try await fixture.store.audit(since: first.last?.generation ?? 0, limit: 3)
        #expect(first.map(\.operation) == Array(repeating: "insert", count: 5))
        #expect(second.map(\.operation) == Array(repeating: "delete", count: 5))
        #expect((first + second).map(\.id) == (first + second).map(\.id).sorted())
    }

    @Test func `a change is said on the channel with its generation`() async throws {
        let fixture = try await Fixture()
        let listener = try await fixture.database.connect(as: fixture.database.operatorAddress)
        _ = try await listener.execute("LISTEN plumbline_config")
        try await fixture.database.person("INSERT INTO resources (kind, name, spec) VALUES ('Collector', 'cpu', '{}')")
        let said = try await listener.notifications(waiting: .seconds(10))
        #expect(said.map { "\($0.channel) \($0.payload)" } == ["plumbline_config 1"])
    }

    // Shows F-SV-12
    @Test func `a change past the triggers is part of the past, also once somebody records the next`() async throws {
        let fixture = try await ConfigStoreFixture()
        func keep() async throws -> [String] {
            try await fixture.store.changes(ofKind: .retention, within: .hours(1)).map {
                $0.before?["keep"]?.string ?? "none"
            }
        }
        func put(_ keep: String) -> ConfigChange {
            ConfigStoreFixture.put("Retention", "metrics", ["dataset": "metrics", "keep": .string(keep)])
        }
        try await fixture.enforce([put("30d")])
        try await fixture.enforce([put("20d")])
        #expect(try await keep() == ["none", "30d"])
        try await fixture.database.superuser(
            """
            DO $$ BEGIN
                SET LOCAL session_replication_role = replica;
                UPDATE plumbline.resources SET spec = jsonb_set(spec, '{keep}', '"1d"') WHERE kind = 'Retention';
            END $$
            """)
        #expect(try await keep() == ["none", "30d", "20d"])
        try await fixture.enforce([put("2d")])
        #expect(try await keep() == ["none", "30d", "20d", "1d"])
    }

    @Test func `two stores over one database see the same, cached or not`() async throws {
        let fixture = try await Fixture()
        try await fixture.enforce([
            Fixture.put("Collector", "cpu", Fixture.collector()), Fixture.put("Notifier", "ops", Fixture.notifier),
        ])
        _ = try await fixture.store.snapshot()
        try await fixture.database.person("UPDATE resources SET owner = 'somebody' WHERE name = 'cpu'")
        try await fixture.database.person("DELETE FROM resources WHERE name = 'ops'")
        let other = ConfigStore(
            pool: fixture.database.pool, decoder: ResourceDecoder(sha256: Digests.sha256), sha256: Digests.sha256)
        #expect(try await fixture.store.load() == (try await other.load()))
        #expect(try await fixture.resource(.collector, "cpu").owner == "somebody")
    }

    /// Not a benchmark: a bound that only a mistake of a whole order breaks, in a debug build on a busy machine.
    @Test func `a thousand resources are read quickly again and again`() async throws {
        let fixture = try await Fixture()
        try await fixture.enforce((0..<1000).map { Fixture.put("Collector", "c\($0)", Fixture.collector()) })
        _ = try await fixture.store.snapshot()
        var best: Duration = .seconds(60)
        for _ in 0..<5 {
            let start: ContinuousClock.Instant = .now
            let snapshot: ConfigSnapshot = try await fixture.store.snapshot()
            best = min(best, .now - start)
            #expect(snapshot.resources.count == 1000)
        }
        #expect(best < .milliseconds(250), "the fastest of five took \(best)")
    }
}
