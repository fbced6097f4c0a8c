import Database
import Telemetry
import TestSupport
import Testing

@Suite struct LogStoreTests {
    // 2027-01-15T08:00:00Z
    private let time = Timestamp(milliseconds: 1_800_000_000_000)

    private func line(_ text: String, at time: Timestamp? = nil, _ level: LogLevel = .info) -> LogLine {
        LogLine(time: time ?? self.time, level: level, message: text)
    }

    private func batch(_ texts: [(Int, String)], end: Int, stream: String = "s") -> LogStore.Batch {
        LogStore.Batch(
            host: "web",
            streams: [
                LogStreamBatch(
                    stream: stream, origin: LogOrigin(source: "system", path: "/var/log/x", labels: ["job": "s"]),
                    lines: texts.map { .init(place: $0.0, line: line($0.1)) }, end: end)
            ])
    }

    private func entries(_ texts: [String], host: String = "web", key: String? = nil) -> LogStore.Batch {
        LogStore.Batch(
            host: host,
            entries: texts.enumerated().map {
                .init(origin: LogOrigin(source: "api"), line: line($1, at: time + .seconds(Int64($0))))
            }, key: key)
    }

    private func messages(_ store: LogStore, _ change: (inout LogQuery) -> Void = { _ in }) async throws -> [String] {
        var query = LogQuery()
        change(&query)
        return try await store.search(query).lines.map(\.line.message)
    }

    // Shows F-SV-09, F-SV-10, F-AG-18
    @Test func `a run of lines that is sent again is stored once`() async throws {
        let database = try await TestPostgres.database()
        let store = LogStore(pool: database.pool)
        let first = try await store.store(batch([(0, "a"), (2, "b")], end: 4))
        #expect(first.stored == 2)
        #expect(first.positions == ["s": 4])
        let again = try await store.store(batch([(0, "a"), (2, "b")], end: 4))
        #expect(again.stored == 0)
        #expect(again.duplicates == 2)
        // With other times, in other portions: the place is what counts.
        let overlapping = try await store.store(batch([(2, "b"), (4, "c")], end: 6))
        #expect(overlapping.stored == 1)
        #expect(overlapping.positions == ["s": 6])
        #expect(try await messages(store).sorted() == ["a", "b", "c"])
        // Another stream is another file.
        #expect(try await store.store(batch([(0, "a")], end: 2, stream: "t")).stored == 1)
    }

    @Test func `a line that was cut differently before makes the sender begin anew behind it`() async throws {
        let database = try await TestPostgres.database()
        let store = LogStore(pool: database.pool)
        _ = try await store.store(batch([(0, "hal")], end: 3))
        let grown = try await store.store(batch([(0, "half a line"), (12, "next")], end: 17))
        #expect(grown.stored == 0)
        #expect(grown.positions == ["s": 3])
        let rest = try await store.store(batch([(3, "f a line"), (12, "next")], end: 17))
        #expect(rest.stored == 2)
        #expect(try await messages(store).sorted() == ["f a line", "hal", "next"])
    }

    // Shows W-A-07
    @Test func `the same lines from many requests at once are stored once`() async throws {
        let database = try await TestPostgres.database()
        let store = LogStore(pool: database.pool)
        let stored: Int = try await withThrowingTaskGroup(of: Int.self) { group in
            for round in 0..<12 {
                group.addTask {
                    let from: Int = round % 3
                    let lines: [(Int, String)] = (from..<40).map { ($0 * 10, "line \($0)") }
                    return try await store.store(batch(lines, end: 400)).stored
                }
            }
            return try await group.reduce(0, +)
        }
        #expect(stored <= 40)
        var query = LogQuery()
        query.limit = 1000
        let found: [String] = try await store.search(query).lines.map(\.line.message)
        #expect(found.count == stored)
        #expect(Set(found).count == found.count)
    }

    @Test func `a count that its agent still names is kept however quiet its files are`() async throws {
        let database = try await TestPostgres.database()
        let store = LogStore(pool: database.pool)
        for ledger in ["now", "before"] {
            var counted: LogStore.Batch = batch([(0, "a"), (2, "b")], end: 4, stream: ledger)
            counted.ledger = ledger
            _ = try await store.store(counted)
        }
        try await database.superuser("UPDATE line_ledgers SET updated_at = now() - interval '61 days'")
        // What the agent says of its delivery, as far as it matters here; another host says the other.
        try await database.superuser(
            """
            INSERT INTO agents (host, last_seen, status) VALUES
                ('web', now(), '{"delivery": {"linesLedger": "now"}}'),
                ('db', now(), '{"delivery": {"linesLedger": "before"}}')
            """)
        try await store.forgetOld()
        #expect(try await BalanceStore(pool: database.pool).storedLines() == ["web": ["now": 2]])
    }

    @Test func `a request of entries with a key is stored once, without one each time`() async throws {
        let database = try await TestPostgres.database()
        let store = LogStore(pool: database.pool)
        #expect(try await store.store(entries(["a", "b"], key: "k")).stored == 2)
        let again = try await store.store(entries(["a", "b"], key: "k"))
        #expect(again.stored == 0)
        #expect(again.duplicates == 2)
        #expect(try await store.store(entries(["a"], host: "db", key: "k")).stored == 1)
        #expect(try await store.store(entries(["a"])).stored == 1)
        #expect(try await store.store(entries(["a"])).stored == 1)
    }

    // Shows F-SV-09
    @Test func `lines go to the partitions of their days, and what they hold comes back as it was`() async throws {
        let database = try await TestPostgres.database()
        let store = LogStore(pool: database.pool)
        let text = "tab\t back\\slash \\N line\nfeed \r é 😀 \u{1B}[31m 'quote' \"double\" %_"
        let origin = LogOrigin(source: "s", path: "/p\\q", labels: ["a": "x\ty"])
        let sent: [LogLine] = [
            LogLine(time: time, level: .error, message: text, fields: #"{"a":"\\\n","n":1.5}"#),
            LogLine(time: time - .days(1), level: .debug, message: "old"),
        ]
        _ = try await store.store(
            LogStore.Batch(host: "web", entries: sent.map { .init(origin: origin, line: $0) }))
        let found: [StoredLogLine] = try await store.search(LogQuery()).lines
        #expect(found.map(\.line) == sent)
        #expect(found.allSatisfy { $0.origin == origin && $0.host == "web" })
        #expect(try await store.partitioning.all().map(\.name).contains("logs_20270114"))
        let rows = try await database.person("SELECT count(*) AS n FROM plumbline.logs").only().int("n")
        #expect(rows == 2)
    }

    // Shows F-SV-12
    @Test func `a dropped partition is made anew for a late line`() async throws {
        let database = try await TestPostgres.database()
        let store = LogStore(pool: database.pool)
        _ = try await store.store(entries(["a"]))
        try await LogStore(pool: database.pool).partitioning.drop("logs_20270115")
        #expect(try await messages(store) == [])
        #expect(try await store.store(entries(["b"])).stored == 1)
        #expect(try await messages(store) == ["b"])
    }

    // Shows F-SV-11, W-A-21
    @Test func `a search finds by each of its filters, and wildcards mean themselves`() async throws {
        let database = try await TestPostgres.database()
        let store = LogStore(pool: database.pool)
        _ = try await store.store(entries(["100% of x", "100 of x", "a_b", "aXb", #"c:\d"#, "Error"]))
        _ = try await store.store(batch([(0, "from a file")], end: 12))
        #expect(try await messages(store) { $0.text = "100%" } == ["100% of x"])
        #expect(try await messages(store) { $0.text = "a_b" } == ["a_b"])
        #expect(try await messages(store) { $0.text = #":\"# } == [#"c:\d"#])
        #expect(try await messages(store) { $0.text = "eRROR" } == ["Error"])
        #expect(try await messages(store) { $0.text = "" }.count == 7)
        #expect(try await messages(store) { $0.path = "/var/log/x" } == ["from a file"])
        #expect(try await messages(store) { $0.path = "/var/*" } == ["from a file"])
        #expect(try await messages(store) { $0.path = "/var/l_g/*" } == [])
        #expect(try await messages(store) { $0.source = "system" } == ["from a file"])
        #expect(try await messages(store) { $0.labels = ["job": "s"] } == ["from a file"])
        #expect(try await messages(store) { $0.host = "db" } == [])
        #expect(try await messages(store) { $0.from = self.time + .seconds(5) } == ["Error"])
        #expect(
            try await messages(store) { $0.to = self.time + .milliseconds(1) }.sorted() == ["100% of x", "from a file"])
    }

    // Shows F-SV-11
    @Test func `a level finds what is as bad or worse`() async throws {
        let database = try await TestPostgres.database()
        let store = LogStore(pool: database.pool)
        let lines: [LogLine] = LogLevel.allCases.map { line($0.rawValue, at: time, $0) }
        _ = try await store.store(
            LogStore.Batch(host: "web", entries: lines.map { .init(origin: LogOrigin(source: "s"), line: $0) }))
        for level in LogLevel.allCases {
            let expected: [String] = LogLevel.allCases.filter { $0 >= level }.map(\.rawValue)
            #expect(try await messages(store) { ($0.level, $0.direction) = (level, .forward) } == expected)
        }
    }

    // Shows F-SV-11
    @Test func `pages follow each other without a gap or a repetition while lines arrive`() async throws {
        let database = try await TestPostgres.database()
        let store = LogStore(pool: database.pool)
        // Over two days, several of one instant.
        let times: [Timestamp] = (0..<60).map { time + .hours(12) + .minutes(Int64($0 / 4) * 20) }
        _ = try await store.store(
            LogStore.Batch(
                host: "web",
                entries: times.enumerated().map { .init(origin: LogOrigin(source: "s"), line: line("\($0)", at: $1)) }))
        for direction in LogQuery.Direction.allCases {
            var query = LogQuery()
            (query.direction, query.limit) = (direction, 7)
            query.from = time + .hours(12)
            query.to = time + .hours(17)
            var seen: [String] = []
            while true {
                let page = try await store.search(query)
                seen += page.lines.map(\.line.message).filter { $0 != "late" }
                query.after = page.lines.last?.place
                // A line that arrives meanwhile, newer than all.
                _ = try await store.store(
                    LogStore.Batch(
                        host: "web",
                        entries: [.init(origin: LogOrigin(source: "s"), line: line("late", at: time + .hours(18)))]))
                guard page.hasMore else { break }
            }
            let expected: [String] = (0..<60).map { "\($0)" }
            #expect(seen == (direction == .forward ? expected : expected.reversed()))
        }
    }

    // Shows W-A-21
    @Test func `a search for a rare text uses the index of the messages`() async throws {
        let database = try await TestPostgres.database()
        let store = LogStore(pool: database.pool)
        _ = try await store.store(entries(["needle in the hay"]))
        try await database.superuser(
            """
            INSERT INTO plumbline.logs_20270115 (time, id, host, source, path, level, message)
            SELECT timestamptz '2027-01-15 08:00:00+00' + n * interval '1 millisecond', n, 'web', 's', '', 'info',
                'straw number ' || md5(n::text) FROM generate_series(1, 30000) AS n
            """)
        try await database.superuser("ANALYZE plumbline.logs_20270115")
        var query = LogQuery()
        query.text = "needle"
        let plan: String = try await store.plan(of: query, in: "logs_20270115")
        #expect(plan.contains("Bitmap Index Scan"), "\(plan)")
        #expect(try await messages(store) { $0.text = "needle" } == ["needle in the hay"])
    }
}
