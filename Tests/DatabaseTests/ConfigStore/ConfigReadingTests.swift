import ConfigAPI
import Database
import Declarations
import Runtime
import Synchronization
import Telemetry
import TestSupport
import Testing

/// What a store remembers of rows is never seen in what it answers.
@Suite struct ConfigReadingTests {
    private typealias Fixture = ConfigStoreFixture

    // Everybody who can change a row does it here: the API, people, whoever is above the triggers, and nobody (a
    // transaction that is taken back, tables that are written anew).
    @Test(arguments: [1, 2, 3, 4])
    func `a store that read before answers as one that never did`(seed: UInt64) async throws {
        let fixture = try await Fixture()
        try await fixture.enforce((0..<6).map { Fixture.put("AlertRule", "rule-\($0)", Fixture.rule()) })
        var random = Numbers(state: seed)
        for step in 0..<25 {
            let rule = "rule-\(Int.random(in: 0..<9, using: &random))"
            let expression = "up > \(Int.random(in: 0..<1000, using: &random))"
            switch Int.random(in: 0..<9, using: &random) {
            case 0:
                try await fixture.enforce([
                    Fixture.put("AlertRule", rule, ["expr": .string(expression)])
                ])
            case 1:
                try await fixture.database.person(
                    "UPDATE resources SET spec = jsonb_set(spec, '{expr}', '\"\(expression)\"') WHERE name <= '\(rule)'"
                )
            case 2: try await fixture.database.person("DELETE FROM resources WHERE name = '\(rule)'")
            case 3:
                try await fixture.database.superuser(
                    """
                    DO $$ BEGIN
                        SET LOCAL session_replication_role = replica;
                        UPDATE plumbline.resources SET spec = '{"expr": "\(expression)"}' WHERE name = '\(rule)';
                        SET LOCAL session_replication_role = origin;
                    END $$
                    """)
            case 4:
                try await fixture.database.superuser(
                    """
                    DO $$ BEGIN
                        DELETE FROM plumbline.resources WHERE name >= '\(rule)';
                        INSERT INTO plumbline.resources (kind, name, spec) VALUES ('AlertRule', 'x', '{}');
                        RAISE EXCEPTION 'back';
                    EXCEPTION WHEN raise_exception THEN NULL;
                    END $$
                    """)
            case 5: try await fixture.database.superuser("VACUUM FULL plumbline.resources")
            case 6:
                try await fixture.database.person(
                    """
                    INSERT INTO resources (kind, name, spec) VALUES ('AlertRule', '\(rule)', '{"expr": "\(expression)"}')
                    ON CONFLICT (kind, name) DO UPDATE SET spec = excluded.spec, owner = 'somebody'
                    """)
            case 7:
                try await fixture.store.setHealth([
                    ResourceKey(.alertRule, rule): .init(state: .failing, message: "step \(step)")
                ])
            default:
                try await fixture.database.person(
                    "UPDATE resources SET spec = '{\"expr\": 7, \"nonsense\": {}}' WHERE name = '\(rule)'")
            }
            let fresh = ConfigStore(
                pool: fixture.database.pool, decoder: ResourceDecoder(sha256: Digests.sha256), sha256: Digests.sha256)
            let (remembering, plain) = (try await fixture.store.load(), try await fresh.load())
            #expect(remembering == plain, "step \(step)")
            #expect(try await fixture.store.snapshot(isWhole: true) == plain.snapshot, "step \(step)")
        }
    }

    @Test func `who reads at the same time as others finds rows decoded`() async throws {
        let fixture = try await Fixture()
        try await fixture.database.person(
            """
            INSERT INTO resources (kind, name, spec)
            SELECT 'AlertRule', 'rule-' || n, '{"expr": "up"}' FROM generate_series(1, 300) AS n
            """)
        let checked = Mutex(0)
        let decoder = ResourceDecoder(sha256: Digests.sha256) { _ in
            checked.withLock { $0 += 1 }
            return nil
        }
        let store = ConfigStore(pool: fixture.database.pool, decoder: decoder, sha256: Digests.sha256)
        let counts: [Int] = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<8 { group.addTask { try await store.load().decoded.count } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(counts == Array(repeating: 300, count: 8))
        #expect(checked.withLock { $0 } == 300)
    }
}

/// SplitMix64.
private struct Numbers: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed: UInt64 = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
