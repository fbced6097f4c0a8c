import ConfigAPI
import Database
import Declarations
import Telemetry
import TestSupport
import Testing

@Suite struct AttributionTests {
    private typealias Fixture = ConfigStoreFixture

    @Test func `a change by the API is its credential's, with the address it came from`() async throws {
        let fixture = try await Fixture()
        _ = try await fixture.store.apply(
            try await fixture.patch([Fixture.put("Collector", "cpu", Fixture.collector())]), by: Fixture.alice)
        let changedBy: ChangedBy = try #require(try await fixture.resource(.collector, "cpu").changedBy)
        #expect(changedBy.who == "alice")
        #expect(changedBy.via == .api)
        #expect(changedBy.details["address"] == "10.0.0.7")
        #expect(changedBy.at != nil)
    }

    @Test func `a change of a reconciler under its lease is by git`() async throws {
        let fixture = try await Fixture()
        try await fixture.enforce([Fixture.put("Collector", "cpu", Fixture.collector())])
        let changedBy: ChangedBy = try #require(try await fixture.resource(.collector, "cpu").changedBy)
        #expect(changedBy.who == "gitops-sync")
        #expect(changedBy.via == .git)
        #expect(changedBy.details["revision"] == "c0ffee")
    }

    // Shows F-GO-06
    @Test func `a change by SQL is the role's that logged in, with its session`() async throws {
        let fixture = try await Fixture()
        try await fixture.enforce([Fixture.put("Collector", "cpu", Fixture.collector())])
        try await fixture.database.person(
            "UPDATE resources SET spec = jsonb_set(spec, '{interval}', '\"3s\"') WHERE name = 'cpu'")
        let resource: StoredResource = try await fixture.resource(.collector, "cpu")
        #expect(resource.spec["interval"] == "3s")
        #expect(resource.owner == "gitops-sync")
        #expect(resource.changedBy?.who == "operator")
        #expect(resource.changedBy?.via == .sql)
        #expect(
            resource.changedBy.map { Set($0.details.keys) } == [
                "application", "address", "sessionStart", "transaction", "process",
            ])
        #expect(resource.changedBy?.details["application"] == "psql")
        #expect(resource.changedBy?.details["address"] == "local")
        #expect(resource.changedBy?.details["sessionStart"].flatMap { Timestamp(rfc3339: $0) } != nil)
    }

    @Test func `an actor that somebody else than the service claims to be is not believed`() async throws {
        let fixture = try await Fixture()
        let person = try await fixture.database.connect(as: fixture.database.operatorAddress)
        try await person.script(
            """
            SET plumb.actor = 'gitops-sync'; SET plumb.via = 'git'; SET plumb.details = '{"address": "127.0.0.1"}';
            INSERT INTO resources (kind, name, spec, owner) VALUES ('Collector', 'forged', '{"source": "cpu"}', 'gitops-sync')
            """)
        let changedBy: ChangedBy = try #require(try await fixture.resource(.collector, "forged").changedBy)
        #expect(changedBy.who == "operator")
        #expect(changedBy.via == .sql)
    }

    @Test func `a superuser who takes on the service's role is who logged in`() async throws {
        let fixture = try await Fixture()
        let superuser = try await fixture.database.connect(as: fixture.database.superuserAddress)
        try await superuser.script(
            """
            SET ROLE plumbline; SET plumb.actor = 'gitops-sync';
            INSERT INTO resources (kind, name, spec) VALUES ('Collector', 'cpu', '{"source": "cpu"}')
            """)
        let resource: StoredResource = try await fixture.resource(.collector, "cpu")
        #expect(resource.changedBy?.who == "postgres")
        #expect(resource.changedBy?.via == .sql)
        #expect(resource.owner == "postgres")
    }

    @Test func `the service's role without an actor is somebody at psql`() async throws {
        let fixture = try await Fixture()
        try await fixture.database.pool.withConnection { (connection) throws(DatabaseError) in
            try connection.script(
                "INSERT INTO resources (kind, name, spec) VALUES ('Collector', 'cpu', '{\"source\": \"cpu\"}')")
        }
        let changedBy: ChangedBy = try #require(try await fixture.resource(.collector, "cpu").changedBy)
        #expect(changedBy.who == "plumbline")
        #expect(changedBy.via == .sql)
    }

    @Test func `changes made with triggers disabled are seen and nobody is named`() async throws {
        let fixture = try await Fixture()
        try await fixture.enforce([
            Fixture.put("Collector", "changed", Fixture.collector()),
            Fixture.put("Collector", "deleted", Fixture.collector()),
            Fixture.put("Collector", "untouched", Fixture.collector()),
        ])
        let before: ConfigSnapshot = try await fixture.store.snapshot()
        let fingerprint: String = try await fixture.store.fingerprint()
        let superuser = try await fixture.database.connect(as: fixture.database.superuserAddress)
        try await superuser.script(
            """
            SET session_replication_role = replica;
            UPDATE resources SET spec = jsonb_set(spec, '{interval}', '"3s"') WHERE name = 'changed';
            DELETE FROM resources WHERE name = 'deleted';
            INSERT INTO resources (kind, name, spec) VALUES ('Collector', 'added', '{"source": "cpu"}')
            """)
        let after: ConfigSnapshot = try await fixture.store.snapshot()
        #expect(after.generation == before.generation)
        #expect(after.digest != before.digest)
        #expect(try await fixture.store.fingerprint() != fingerprint)
        for name in ["changed", "added"] {
            #expect(try await fixture.resource(.collector, name).changedBy == .unaudited)
        }
        #expect(try await fixture.resource(.collector, "untouched").changedBy?.who == "gitops-sync")

        let entries: [AuditEntry] = try await fixture.store.audit(since: before.generation)
        #expect(entries.map { "\($0.operation) \($0.name)" } == ["insert added", "update changed", "delete deleted"])
        #expect(entries.allSatisfy { $0.changedBy == .unaudited && $0.id == 0 })
    }

    @Test func `a correction of what nobody recorded is recorded again`() async throws {
        let fixture = try await Fixture()
        try await fixture.enforce([Fixture.put("Collector", "cpu", Fixture.collector("10s"))])
        let superuser = try await fixture.database.connect(as: fixture.database.superuserAddress)
        try await superuser.script(
            """
            ALTER TABLE resources DISABLE TRIGGER ALL;
            UPDATE resources SET spec = jsonb_set(spec, '{interval}', '"3s"');
            ALTER TABLE resources ENABLE TRIGGER ALL
            """)
        #expect(try await fixture.resource(.collector, "cpu").changedBy == .unaudited)
        try await fixture.enforce([Fixture.put("Collector", "cpu", Fixture.collector("10s"))], revision: "c0ffef")
        #expect(try await fixture.resource(.collector, "cpu").changedBy?.who == "gitops-sync")
        #expect(try await fixture.store.audit(since: 0).allSatisfy { $0.changedBy.via == .git })
    }

    @Test func `a truncated table leaves a record of every resource that was in it`() async throws {
        let fixture = try await Fixture()
        let before: ConfigSnapshot = try await fixture.enforce([
            Fixture.put("Collector", "cpu", Fixture.collector()), Fixture.put("Notifier", "ops", Fixture.notifier),
        ])
        try await fixture.database.superuser("TRUNCATE plumbline.resources")
        let after: ConfigSnapshot = try await fixture.store.snapshot()
        #expect(after.resources.isEmpty)
        #expect(after.generation == before.generation + 1)
        let entries: [AuditEntry] = try await fixture.store.audit(since: before.generation)
        #expect(
            entries.map { "\($0.operation) \($0.kind)/\($0.name)" } == [
                "truncate Collector/cpu", "truncate Notifier/ops",
            ])
        #expect(entries.allSatisfy { $0.changedBy.who == "postgres" && $0.before != nil && $0.after == nil })
    }

    @Test func `a deletion and a renaming by SQL are recorded under the keys they are about`() async throws {
        let fixture = try await Fixture()
        let before: ConfigSnapshot = try await fixture.enforce([
            Fixture.put("Collector", "a", Fixture.collector()), Fixture.put("Collector", "b", Fixture.collector()),
        ])
        try await fixture.database.person("DELETE FROM resources WHERE name = 'a'")
        try await fixture.database.person("UPDATE resources SET name = 'c' WHERE name = 'b'")
        let entries: [AuditEntry] = try await fixture.store.audit(since: before.generation)
        #expect(entries.map { "\($0.operation) \($0.name)" } == ["delete a", "delete b", "insert c"])
        #expect(entries.allSatisfy { $0.changedBy.who == "operator" })
    }

    @Test func `people can change resources and nothing that says who did it`() async throws {
        let fixture = try await Fixture()
        try await fixture.enforce([Fixture.put("Collector", "cpu", Fixture.collector())])
        let forbidden: [String] = [
            "INSERT INTO audit (generation, kind, name, operation, who, via) VALUES (1, 'K', 'n', 'insert', 'me', 'sql')",
            "UPDATE audit SET who = 'somebody else'", "DELETE FROM audit", "UPDATE stores SET generation = 0",
            "ALTER TABLE resources DISABLE TRIGGER ALL", "SET session_replication_role = replica",
            "DROP TRIGGER resources_updated ON resources", "SET ROLE plumbline", "SET ROLE plumbline_audit",
            "SELECT record_change('Collector', 'cpu', 'update', NULL, NULL, 1)", "SELECT bump_generation()",
            "CREATE FUNCTION plumbline.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        ]
        for statement in forbidden {
            let error = await #expect(throws: DatabaseError.self, "\(statement)") {
                try await fixture.database.person(statement)
            }
            #expect(error?.sqlState == "42501", "\(statement): \(error.map { "\($0)" } ?? "")")
        }
    }

    @Test func `a trigger function cannot be misled by objects of the session`() async throws {
        let fixture = try await Fixture()
        let person = try await fixture.database.connect(as: fixture.database.operatorAddress)
        try await person.script(
            """
            CREATE TEMPORARY TABLE audit (LIKE plumbline.audit INCLUDING ALL);
            CREATE TEMPORARY TABLE stores (LIKE plumbline.stores INCLUDING ALL);
            SET search_path = pg_temp, plumbline;
            INSERT INTO plumbline.resources (kind, name, spec) VALUES ('Collector', 'cpu', '{"source": "cpu"}')
            """)
        #expect(try await fixture.resource(.collector, "cpu").changedBy?.who == "operator")
        #expect(try await fixture.store.snapshot().generation == 1)
    }
}
