import ConfigAPI
import Database
import Declarations
import Telemetry
import TestSupport
import Testing

@Suite struct ConfigPatchTests {
    private typealias Fixture = ConfigStoreFixture

    @Test func `a patch is applied whole and answered with what is stored`() async throws {
        let fixture = try await Fixture()
        let after: ConfigSnapshot = try await fixture.enforce([
            Fixture.put("Notifier", "ops", Fixture.notifier),
            Fixture.put("AlertRule", "load", Fixture.rule(notifiers: ["ops"])),
        ])
        #expect(after.resources.map(\.key.description) == ["AlertRule/load", "Notifier/ops"])
        #expect(after.generation == 1)
        #expect(after.resources.allSatisfy { $0.owner == "gitops-sync" && $0.applied?.revision == "c0ffee" })
        #expect(after.resources.allSatisfy { $0.applied?.digest == $0.digest && $0.health == .healthy })
        #expect(try await fixture.store.snapshot() == after)
    }

    @Test(arguments: [
        // What is put beside the deletion of "old", and whose alerts are there afterwards.
        (["new"], [0], ["new"]), (["new"], [1], ["old"]), (["a-new", "b-new"], [0, 0], ["a-new"]),
    ])
    func `alerts of a rule that gets another name go along`(
        names: [String], notifiers: [Int], after: [String]
    )
        async throws
    {
        let fixture = try await Fixture()
        try await fixture.enforce([
            Fixture.put("Notifier", "ops", Fixture.notifier), Fixture.put("AlertRule", "old", Fixture.rule()),
            Fixture.put("AlertRule", "other", Fixture.rule()),
        ])
        for rule in ["old", "other"] {
            try await fixture.database.superuser(
                """
                INSERT INTO plumbline.alerts (rule, labels, state, active_since, matches, last_match_at, value)
                VALUES ($1, '{"host": "web"}', 'firing', now(), 3, now(), 9)
                """, [.text(rule)])
        }
        try await fixture.enforce(
            [Fixture.delete("AlertRule", "old")]
                + zip(names, notifiers).map { name, count in
                    Fixture.put("AlertRule", name, Fixture.rule(notifiers: count > 0 ? ["ops"] : []))
                })
        let found: SQLResult = try await fixture.database.superuser("SELECT rule FROM plumbline.alerts ORDER BY rule")
        #expect(try found.rows.map { try $0.string("rule") } == (after + ["other"]).sorted())
    }

    @Test func `an alert of the new name that waits for its end is not mixed with those of a renamed rule`()
        async throws
    {
        let fixture = try await Fixture()
        try await fixture.enforce([Fixture.put("AlertRule", "old", Fixture.rule())])
        for rule in ["old", "new"] {
            try await fixture.database.superuser(
                """
                INSERT INTO plumbline.alerts (rule, labels, state, active_since, matches, last_match_at, value)
                VALUES ($1, '{"host": "web"}', 'firing', now(), 3, now(), 9)
                """, [.text(rule)])
        }
        try await fixture.enforce([Fixture.delete("AlertRule", "old"), Fixture.put("AlertRule", "new", Fixture.rule())])
        let found: SQLResult = try await fixture.database.superuser("SELECT rule FROM plumbline.alerts ORDER BY rule")
        #expect(try found.rows.map { try $0.string("rule") } == ["new", "old"])
    }

    @Test func `one transaction grows the generation by one, also by SQL`() async throws {
        let fixture = try await Fixture()
        try await fixture.enforce((0..<20).map { Fixture.put("Collector", "c\($0)", Fixture.collector()) })
        let person = try await fixture.database.connect(as: fixture.database.operatorAddress)
        try await person.script("UPDATE resources SET spec = '{\"source\": \"memory\"}'")
        #expect(try await fixture.store.snapshot().generation == 2)
        try await person.script(
            "BEGIN; SAVEPOINT a; DELETE FROM resources; ROLLBACK TO a; DELETE FROM resources; COMMIT")
        #expect(try await fixture.store.snapshot().generation == 3)
    }

    @Test func `a put of what is there already changes nothing`() async throws {
        let fixture = try await Fixture()
        let first: ConfigSnapshot = try await fixture.enforce([
            Fixture.put("Collector", "cpu", Fixture.collector("60s"))
        ])
        let second: ConfigSnapshot = try await fixture.enforce(
            [Fixture.put("Collector", "cpu", Fixture.collector("1m"))])
        #expect(second.generation == first.generation)
        #expect(try await fixture.store.audit(since: 0).count == 1)
    }

    @Test func `a patch for another generation is a conflict that says the present one`() async throws {
        let fixture = try await Fixture()
        let stale: ConfigPatch = try await fixture.patch([Fixture.put("Collector", "late", Fixture.collector())])
        let present: ConfigSnapshot = try await fixture.enforce([Fixture.put("Collector", "cpu", Fixture.collector())])
        let conflict: ConfigConflict = try #require(try await fixture.conflict(stale))
        #expect(conflict.generation == 1)
        #expect(conflict.storeId == present.storeId)
        #expect(conflict.digest == present.digest)
        #expect(try await fixture.store.snapshot() == present)
    }

    @Test func `a patch for another store is a conflict`() async throws {
        let fixture = try await Fixture()
        var other: ConfigPatch = try await fixture.patch([Fixture.put("Collector", "cpu", Fixture.collector())])
        other.storeId = "00000000-0000-0000-0000-000000000000"
        let wanted = other
        #expect(try await fixture.conflict(wanted) != nil)
    }

    @Test func `of many patches for one generation at the same time exactly one wins`() async throws {
        let fixture = try await Fixture()
        let template: ConfigPatch = try await fixture.patch([])
        let won: Int = try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<8 {
                var wanted: ConfigPatch = template
                wanted.requestId = "racer-\(number)"
                wanted.changes = [Fixture.put("Collector", "cpu", Fixture.collector("\(number + 1)s"))]
                group.addTask { [wanted] in
                    try await fixture.conflict(wanted) == nil
                }
            }
            var won = 0
            for try await isWinner in group where isWinner { won += 1 }
            return won
        }
        #expect(won == 1)
        #expect(try await fixture.store.snapshot().generation == 1)
    }

    @Test func `patches and changes by SQL at the same time do not lock each other out`() async throws {
        let fixture = try await Fixture()
        try await fixture.enforce((0..<4).map { Fixture.put("Collector", "c\($0)", Fixture.collector()) })
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<4 {
                group.addTask {
                    for round in 1...5 {
                        try await fixture.database.person(
                            "UPDATE resources SET spec = jsonb_set(spec, '{interval}', to_jsonb($1::text))",
                            [.text("\(number * 10 + round)s")])
                    }
                }
                group.addTask {
                    for round in 1...5 {
                        var isDone = false
                        while !isDone {
                            let wanted = try await fixture.patch(
                                (0..<4).reversed().map { Fixture.put("Collector", "c\($0)", Fixture.collector("9m")) },
                                requestId: "\(number)-\(round)-\(Int.random(in: 0..<Int.max))")
                            isDone = try await fixture.conflict(wanted) == nil
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    @Test func `a request that is sent again gets its answer again and is applied once`() async throws {
        let fixture = try await Fixture()
        let wanted = try await fixture.patch([Fixture.put("Collector", "cpu", Fixture.collector())])
        let first: ConfigSnapshot = try await fixture.store.apply(wanted, by: Fixture.alice)
        let second: ConfigSnapshot = try await fixture.store.apply(wanted, by: Fixture.alice)
        #expect(second == first)
        #expect(try await fixture.store.audit(since: 0).count == 1)
    }

    @Test func `a request id that comes again with other content or from somebody else is refused`() async throws {
        let fixture = try await Fixture()
        let wanted = try await fixture.patch([Fixture.put("Collector", "cpu", Fixture.collector())])
        _ = try await fixture.store.apply(wanted, by: Fixture.alice)
        var other: ConfigPatch = wanted
        other.changes = []
        for (patch, writer) in [(other, Fixture.alice), (wanted, Fixture.gitSync)] {
            let error = await #expect(throws: ConfigStoreError.self) {
                _ = try await fixture.store.apply(patch, by: writer)
            }
            guard case .rejected = error else {
                Issue.record("expected a rejection, got \(String(describing: error))")
                continue
            }
        }
    }

    @Test func `requests are forgotten after a day`() async throws {
        let fixture = try await Fixture()
        let wanted = try await fixture.patch([Fixture.put("Collector", "cpu", Fixture.collector())])
        _ = try await fixture.store.apply(wanted, by: Fixture.alice)
        try await fixture.database.superuser("UPDATE config_requests SET at = now() - interval '25 hours'")
        #expect(try await fixture.conflict(wanted) != nil)
    }

    @Test func `every wrong change is named with its place, and none is applied`() async throws {
        let fixture = try await Fixture()
        let errors: [ConfigRejection.Item] = try await fixture.rejection([
            Fixture.put("Collector", "good", Fixture.collector()),
            Fixture.put("Collector", "bad", ["source": "cpu", "interval": "soon", "colour": "red"]),
            Fixture.put("Gadget", "thing", [:]),
            Fixture.put("Collector", "Bad_Name", Fixture.collector()),
            Fixture.put("Collector", "good", Fixture.collector()),
        ])
        #expect(errors.map(\.index).sorted() == [1, 1, 2, 3, 4])
        #expect(Set(errors.filter { $0.index == 1 }.map(\.path)) == ["/interval", "/colour"])
        #expect(errors.first { $0.index == 2 }?.message == "unsupported: unknown kind \"Gadget\"")
        #expect(try await fixture.store.snapshot().resources.isEmpty)
    }

    @Test func `what a resource refers to must be there afterwards`() async throws {
        let fixture = try await Fixture()
        let dangling = try await fixture.rejection([Fixture.put("AlertRule", "load", Fixture.rule(notifiers: ["ops"]))])
        #expect(dangling.map(\.message) == ["AlertRule/load refers to Notifier/ops, which does not exist"])
        try await fixture.enforce([
            Fixture.put("AlertRule", "load", Fixture.rule(notifiers: ["ops"])),
            Fixture.put("Notifier", "ops", Fixture.notifier),
        ])
        let used = try await fixture.rejection([Fixture.delete("Notifier", "ops")])
        #expect(used.map(\.message) == ["Notifier/ops is still referred to by AlertRule/load"])
        #expect(
            try await fixture.rejection([Fixture.delete("Notifier", "ops"), Fixture.delete("AlertRule", "load")])
                .isEmpty)
    }

    @Test func `an update by somebody else leaves owner and applied state as they are`() async throws {
        let fixture = try await Fixture()
        let before = try await fixture.enforce([Fixture.put("Collector", "cpu", Fixture.collector())]).resources[0]
        let wanted = try await fixture.patch(
            [Fixture.put("Collector", "cpu", Fixture.collector("3s"))], revision: "faked")
        let after = try await fixture.store.apply(wanted, by: Fixture.alice).resources[0]
        #expect(after.owner == "gitops-sync")
        #expect(after.applied == before.applied)
        #expect(after.digest != before.digest)
        #expect(after.changedBy?.who == "alice")
        #expect(after.changedBy?.via == .api)
    }

    @Test func `adoption takes ownership over, and only for who holds a lease`() async throws {
        let fixture = try await Fixture()
        _ = try await fixture.store.apply(
            try await fixture.patch([Fixture.put("Collector", "cpu", Fixture.collector())]), by: Fixture.alice)
        let refused = try await fixture.rejection([Fixture.put("Collector", "cpu", Fixture.collector(), adopt: true)])
        #expect(refused.map(\.message) == ["only a reconciler that holds a lease may adopt"])
        let adopted = try await fixture.enforce([Fixture.put("Collector", "cpu", Fixture.collector(), adopt: true)])
        #expect(adopted.resources[0].owner == "gitops-sync")
        #expect(adopted.resources[0].applied?.digest == adopted.resources[0].digest)
        // The spec is still what alice wrote.
        #expect(adopted.resources[0].changedBy?.who == "alice")
    }

    @Test func `what another git source owns is contested`() async throws {
        let fixture = try await Fixture()
        try await fixture.enforce([Fixture.put("Collector", "cpu", Fixture.collector())])
        let error = await #expect(throws: ConfigStoreError.self) {
            try await fixture.enforce(
                [Fixture.put("Collector", "cpu", Fixture.collector("3s"), adopt: true)], revision: "0ther",
                by: PatchWriter(subject: "other-git"))
        }
        guard case .rejected(let rejection) = error else {
            Issue.record("expected a rejection, got \(String(describing: error))")
            return
        }
        #expect(
            rejection.errors.map(\.message) == ["contested: Collector/cpu belongs to the git source \"gitops-sync\""])
    }

    @Test func `what cannot be decoded is shown as it is, unhealthy, and does not stop the rest`() async throws {
        let fixture = try await Fixture()
        try await fixture.enforce([Fixture.put("Collector", "cpu", Fixture.collector())])
        try await fixture.database.person(
            """
            INSERT INTO resources (kind, name, spec) VALUES ('Collector', 'broken', '{"source": "cpu", "interval": 1e400}'),
                ('Collector', 'odd', '{"source": "nonsense"}'), ('Gadget', 'new', '{}')
            """)
        let loaded: LoadedConfig = try await fixture.store.load()
        #expect(loaded.unknown == ["Gadget/new"])
        #expect(loaded.decoded.keys.sorted().map(\.description) == ["Collector/cpu"])
        let states = loaded.snapshot.resources.map { "\($0.key.name) \($0.health.state)" }
        #expect(states == ["broken invalid", "cpu healthy", "odd invalid"])
        #expect(loaded.snapshot.resources[2].spec == ["source": "nonsense"])
        #expect(loaded.snapshot.resources[2].digest.count == 64)
        let corrected = try await fixture.enforce(
            [Fixture.put("Collector", "odd", Fixture.collector())], revision: "f1x")
        #expect(corrected.resources[2].health == .healthy)
    }
}
