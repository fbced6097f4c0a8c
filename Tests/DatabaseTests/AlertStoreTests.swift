import Alerting
import Database
import Declarations
import Telemetry
import TestSupport
import Testing

private let start = Timestamp(milliseconds: 1_763_683_628_000)

private func firing(_ host: String = "web", since: Timestamp = start) -> AlertInstance {
    AlertInstance(
        labels: ["host": host], state: .firing, activeSince: since, matches: 3, lastMatchAt: since + .seconds(9),
        value: 91.5, firedAt: since + .seconds(5))
}

private func notification(_ key: String, _ event: Notification.Event = .firing) -> Notification {
    Notification(
        dedupeKey: key, event: event, rule: "cpu-high", severity: .critical, labels: ["host": "web"],
        annotations: ["summary": "hot"], value: 91.5, activeSince: start, at: start + .seconds(5),
        provenance: ["commit": "c0ffee", "file": "rules/cpu.yaml", "line": 3])
}

@Suite struct AlertStoreTests {
    private func stores() async throws -> (TestDatabase, AlertStore, Leadership) {
        let database = try await TestPostgres.database()
        try await database.declareRules(["cpu-high"])
        let leadership = try await LeaderStore(pool: database.pool).lead("alerts", holder: "a", for: .minutes(1))
        return (database, AlertStore(pool: database.pool), try #require(leadership))
    }

    private func waiting(_ database: TestDatabase) async throws -> [String] {
        try await database.superuser("SELECT notifier || ' ' || dedupe_key AS item FROM plumbline.outbox ORDER BY item")
            .rows.map { try $0.string("item") }
    }

    // Shows F-AL-05
    @Test func `alerts are read back as they were saved, with history and one outbox row per receiver`() async throws {
        let (database, store, leadership) = try await stores()
        let addressed = AlertStore.Addressed(notification("k"), notifiers: ["ops", "chat"])
        try await store.save(
            .init(rule: "cpu-high", instances: [firing()], notifications: [addressed]), under: leadership)
        #expect(try await store.alerts() == ["cpu-high": [firing()]])
        #expect(try await waiting(database) == ["chat k", "ops k"])
        let history: [JSONValue] = try await store.history(limit: 10)
        #expect(history.count == 1)
        #expect(history.first?["rule"] == "cpu-high")
        #expect(history.first?["event"] == "firing")
        #expect(history.first?["provenance"]?["line"] == 3)
    }

    @Test func `history is found by time and host, by pages that neither overlap nor leave out`() async throws {
        let (database, store, leadership) = try await stores()
        defer { withExtendedLifetime(database) {} }
        let start = Timestamp(milliseconds: 1_763_683_600_000)
        for number in 0..<5 {
            var told: Notification = notification("k\(number)")
            told.at = start + .minutes(Int64(number))
            told.labels = ["host": number == 3 ? "db" : "web"]
            let addressed = AlertStore.Addressed(told, notifiers: [])
            try await store.save(.init(rule: "cpu-high", instances: [], notifications: [addressed]), under: leadership)
        }
        func found(_ filter: AlertStore.HistoryFilter, limit: Int = 10) async throws -> [JSONValue] {
            try await store.history(filter, limit: limit).compactMap { $0["at"] }
        }
        let times: [JSONValue] = (0..<5).map { .time(start + .minutes(Int64($0))) }
        #expect(try await found(.init(from: start + .minutes(1), to: start + .minutes(4))) == times[1...3].reversed())
        #expect(try await found(.init(host: "db")) == [times[3]])
        let page: [JSONValue] = try await store.history(limit: 2)
        let last: Int = try #require(page.last?["id"]?.integer)
        #expect(try await found(.init(before: last)) == times[0...2].reversed())
    }

    // Shows F-AL-05, F-AL-06
    @Test func `an outbox that refuses a row leaves alerts and history as they were`() async throws {
        let (database, store, leadership) = try await stores()
        try await database.superuser("ALTER TABLE plumbline.outbox ADD CHECK (notifier <> 'broken')")
        let addressed = AlertStore.Addressed(notification("k"), notifiers: ["broken", "ops"])
        await #expect(throws: DatabaseError.self) {
            try await store.save(
                .init(rule: "cpu-high", instances: [firing()], notifications: [addressed]), under: leadership)
        }
        #expect(try await store.alerts().isEmpty)
        #expect(try await store.history(limit: 10).isEmpty)
        #expect(try await waiting(database).isEmpty)
    }

    @Test func `nothing is written of a rule that has come or gone since it was looked at`() async throws {
        let (database, store, leadership) = try await stores()
        let alerts = AlertStore.Update(
            rule: "cpu-high", instances: [firing()],
            notifications: [AlertStore.Addressed(notification("k"), notifiers: ["ops"])])
        let end = AlertStore.Update(
            rule: "cpu-high", instances: [],
            notifications: [AlertStore.Addressed(notification("k2", .resolved), notifiers: ["ops"])], isLast: true)
        #expect(try await store.save(alerts, under: leadership))
        #expect(try await !store.save(end, under: leadership))
        try await database.declareRules([])
        #expect(try await !store.save(alerts, under: leadership))
        #expect(try await store.alerts() == ["cpu-high": [firing()]])
        #expect(try await waiting(database) == ["ops k"])
        #expect(try await store.save(end, under: leadership))
        #expect(try await store.alerts().isEmpty)
    }

    @Test func `whoever has lost the leadership writes nothing`() async throws {
        let database = try await TestPostgres.database()
        try await database.declareRules(["cpu-high"])
        let leaders = LeaderStore(pool: database.pool)
        let store = AlertStore(pool: database.pool)
        let first = try #require(try await leaders.lead("alerts", holder: "a", for: .minutes(1)))
        #expect(try await leaders.lead("alerts", holder: "b", for: .minutes(1)) == nil)
        try await leaders.resign(first)
        var second: Leadership?
        while second == nil { second = try await leaders.lead("alerts", holder: "b", for: .minutes(1)) }
        #expect(second?.epoch == first.epoch + 1)
        let addressed = AlertStore.Addressed(notification("k"), notifiers: ["ops"])
        await #expect(throws: LeadershipLost.self) {
            try await store.save(
                .init(rule: "cpu-high", instances: [firing()], notifications: [addressed]), under: first)
        }
        await #expect(throws: LeadershipLost.self) {
            try await HostStatusStore(pool: database.pool).save(
                host: "web", .init(status: .down, since: start), notifying: addressed, under: first)
        }
        #expect(try await store.alerts().isEmpty)
        #expect(try await HostStatusStore(pool: database.pool).known().isEmpty)
        #expect(try await waiting(database).isEmpty)
    }

    @Test func `a leader renews its lease under the same epoch`() async throws {
        let (database, _, leadership) = try await stores()
        let again = try await LeaderStore(pool: database.pool).lead("alerts", holder: "a", for: .minutes(1))
        #expect(again == leadership)
    }

    // Shows F-AL-06
    @Test func `a resolution goes to today's receivers and to those told of the firing, each once`() async throws {
        let (database, store, leadership) = try await stores()
        let fired = AlertStore.Addressed(notification("k-firing"), notifiers: ["old", "ops", "silent"])
        try await store.save(.init(rule: "cpu-high", instances: [firing()], notifications: [fired]), under: leadership)
        // `silent` wants no resolutions any more, `new` was never told of the firing.
        let resolved = AlertStore.Addressed(
            notification("k-resolved", .resolved), notifiers: ["ops"], endsKey: "k-firing",
            reachable: ["new", "old", "ops"])
        for _ in 1...2 {
            try await store.save(.init(rule: "cpu-high", instances: [], notifications: [resolved]), under: leadership)
        }
        #expect(
            try await waiting(database) == [
                "old k-firing", "old k-resolved", "ops k-firing", "ops k-resolved", "silent k-firing",
            ])
    }

    @Test func `a host's status and its notification are written together or not at all`() async throws {
        let (database, _, leadership) = try await stores()
        let statuses = HostStatusStore(pool: database.pool)
        try await statuses.save(host: "web", .init(status: .ok, since: start), notifying: nil, under: leadership)
        try await database.superuser("ALTER TABLE plumbline.outbox ADD CHECK (notifier <> 'broken')")
        await #expect(throws: DatabaseError.self) {
            try await statuses.save(
                host: "web", .init(status: .down, since: start + .seconds(50)),
                notifying: AlertStore.Addressed(notification("k"), notifiers: ["broken"]), under: leadership)
        }
        #expect(try await statuses.known() == ["web": .init(status: .ok, since: start)])
        // The refused change is not in the history either.
        try await statuses.save(
            host: "web", .init(status: .down, since: start + .seconds(60)), notifying: nil, under: leadership)
        let changes = [
            HostStatusStore.Change(host: "web", at: start, status: .ok, previous: nil),
            HostStatusStore.Change(host: "web", at: start + .seconds(60), status: .down, previous: .ok),
        ]
        #expect(try await statuses.changes(from: start, to: start + .hours(1), limit: 10) == changes)
        #expect(try await statuses.changes(from: start, to: start + .hours(1), limit: 1) == [changes[0]])
        #expect(try await statuses.changes(from: start, to: start + .seconds(60), host: "web", limit: 9).count == 1)
        #expect(try await statuses.changes(from: start, to: start + .hours(1), host: "db", limit: 9).isEmpty)
        try await statuses.forget(hosts: ["web"], under: leadership)
        #expect(try await statuses.known().isEmpty)
    }
}

@Suite struct AlertOutboxTests {
    private func outbox(_ notifiers: [String]) async throws -> (TestDatabase, Outbox) {
        let database = try await TestPostgres.database()
        try await database.declareRules(["cpu-high"])
        let leadership = try await LeaderStore(pool: database.pool).lead("alerts", holder: "a", for: .minutes(1))
        let addressed = AlertStore.Addressed(notification("k"), notifiers: notifiers)
        try await AlertStore(pool: database.pool).save(
            .init(rule: "cpu-high", instances: [], notifications: [addressed]), under: try #require(leadership))
        return (database, Outbox(pool: database.pool))
    }

    // Shows F-AL-06
    @Test func `what one server has claimed no other gets until the claim has run out`() async throws {
        let (database, outbox) = try await outbox(["ops"])
        defer { withExtendedLifetime(database) {} }
        let first: [Outbox.Item] = try await outbox.claim(limit: 10, for: .milliseconds(200))
        #expect(first.map(\.notifier) == ["ops"])
        #expect(first.map(\.attempts) == [0])
        #expect(first.first?.body == notification("k").json)
        var again: [Outbox.Item] = try await outbox.claim(limit: 10, for: .minutes(1))
        while again.isEmpty { again = try await outbox.claim(limit: 10, for: .minutes(1)) }
        #expect(again.map(\.dedupeKey) == ["k"])
        #expect(again.map(\.attempts) == [1])
        #expect(try await outbox.claim(limit: 10, for: .minutes(1)).isEmpty)
    }

    @Test func `busy notifiers are left out of a claim`() async throws {
        let (database, outbox) = try await outbox(["chat", "ops"])
        defer { withExtendedLifetime(database) {} }
        #expect(try await outbox.claim(limit: 10, for: .minutes(1), except: ["ops"]).map(\.notifier) == ["chat"])
        #expect(try await outbox.claim(limit: 10, for: .minutes(1)).map(\.notifier) == ["ops"])
    }

    // Shows F-AL-06
    @Test func `the delivery log tells what became of each notification`() async throws {
        let (database, outbox) = try await outbox(["chat", "mail", "ops"])
        defer { withExtendedLifetime(database) {} }
        let items: [Outbox.Item] = try await outbox.claim(limit: 10, for: .minutes(1))
        for item in items {
            switch item.notifier {
            case "chat": try await outbox.delivered(item.id)
            case "mail": try await outbox.abandoned(item.id, error: "answered 404")
            default: try await outbox.failed(item.id, error: "answered 500", retryAfter: .minutes(1))
            }
        }
        let log: [JSONValue] = try await outbox.log(limit: 10).sorted {
            $0["notifier"]?.string ?? "" < $1["notifier"]?.string ?? ""
        }
        #expect(log.map { $0["state"]?.string } == ["delivered", "dead", "waiting"])
        #expect(log.map { $0["lastError"]?.string } == [nil, "answered 404", "answered 500"])
        #expect(log.map { $0["deliveredAt"] != nil } == [true, false, false])
        #expect(log.allSatisfy { $0["notification"] == notification("k").json })
        #expect(try await outbox.claim(limit: 10, for: .minutes(1)).isEmpty)
    }
}
