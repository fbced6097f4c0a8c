import Database
import Declarations
import Runtime
import StoreService
import TestSupport
import Testing

@testable import ServerDaemon

/// Configurations as they follow each other.
@Suite struct RunningConfigTests {
    private let database: TestDatabase
    private let store: ConfigStore

    init() async throws {
        database = try await TestPostgres.database()
        store = ConfigStore(
            pool: database.pool, decoder: ResourceDecoder(sha256: Digests.sha256), sha256: Digests.sha256)
        try await database.person(
            """
            INSERT INTO plumbline.resources (kind, name, spec)
            SELECT 'AlertRule', 'rule-' || n, jsonb_build_object('expr', 'up > ' || n) FROM generate_series(0, 11) AS n
            """)
    }

    private func running(after previous: RunningConfig? = nil) async throws -> RunningConfig {
        RunningConfig(loading: try await store.load(), after: previous, sha256: Digests.sha256)
    }

    @Test(arguments: [
        "UPDATE plumbline.resources SET spec = '{\"expr\": \"up > 99\"}' WHERE name = 'rule-7'",
        "UPDATE plumbline.resources SET spec = '{\"expr\": 7}' WHERE name = 'rule-7'",
        "DELETE FROM plumbline.resources WHERE name IN ('rule-0', 'rule-11')",
        "INSERT INTO plumbline.resources (kind, name, spec) VALUES ('AlertRule', 'rule-10a', '{\"expr\": \"up\"}')",
        "INSERT INTO plumbline.resources (kind, name, spec) VALUES ('Retention', 'm', '{\"dataset\": \"metrics\"}')",
    ])
    func `rules taken over are those made anew`(change: String) async throws {
        let derived = DerivedConfig { $0.alertRules(after: $1) }
        let before: RunningConfig = try await running()
        #expect(derived.of(before).count == 12)
        try await database.person(change)
        let after: RunningConfig = try await running(after: before)
        #expect(!after.isSame(as: before))
        let (rules, anew) = (derived.of(after), after.alertRules(after: nil))
        #expect(rules.map(\.name) == anew.map(\.name))
        #expect(rules.map(\.name) == rules.map(\.name).sorted())
        #expect(rules.map(\.spec) == anew.map(\.spec))
        for rule in rules { #expect(after.alertRule(rule.name)?.spec == rule.spec) }
        #expect(after.resource(ResourceKey(.alertRule, "rule-5a")) == nil)
    }

    @Test func `rules carry the place in git that they come from now`() async throws {
        let derived = DerivedConfig { $0.alertRules(after: $1) }
        _ = derived.of(try await running())
        let source: JSONValue = [
            "commit": "c0ffee", "file": "rules.yaml", "line": 4, "author": "a", "authoredAt": "2026-01-01T00:00:00Z",
            "subject": "s",
        ]
        try await database.superuser(
            "UPDATE plumbline.resources SET source = '\(source.canonicalText)' WHERE name = 'rule-3'")
        let rules: [RunningRule] = derived.of(try await running())
        #expect(rules.compactMap(\.source).count == 1)
        #expect(rules.first { $0.name == "rule-3" }?.source?["commit"] == "c0ffee")
    }

    @Test func `another place in git is another configuration, and nothing changed is none`() async throws {
        let before: RunningConfig = try await running()
        #expect(try await running(after: before).isSame(as: before))
        try await database.superuser(
            """
            DO $$ BEGIN
                SET LOCAL session_replication_role = replica;
                UPDATE plumbline.resources SET source = '{"commit": "c", "file": "f", "line": 1, "author": "a",
                    "authoredAt": "2026-01-01T00:00:00Z", "subject": "s"}' WHERE name = 'rule-3';
                SET LOCAL session_replication_role = origin;
            END $$
            """)
        let after: RunningConfig = try await running(after: before)
        #expect(after.generation == before.generation)
        #expect(after.digest == before.digest)
        #expect(!after.isSame(as: before))
    }
}
