import Database
import PromQL
import Telemetry
import TestSupport
import Testing

// Shows F-SV-08
@Suite struct FramePartitionTests {
    // 2027-01-15T08:00:00Z
    private let time = Timestamp(milliseconds: 1_800_000_000_000)

    private func batch(at times: [Timestamp]) -> FrameBatch {
        FrameBatch(
            source: Source(host: "web", producer: "p"), series: [Series("a")],
            frames: times.map { Frame(time: $0, values: [1]) })
    }

    private func names(_ store: FrameStore) async throws -> [String] { try await store.partitioning.all().map(\.name) }

    private func setWidth(_ width: String, _ database: TestDatabase) async throws {
        try await database.superuser("UPDATE plumbline.partition_widths SET width = $1::interval", [.text(width)])
    }

    @Test func `partitions are made when they are needed, a day wide, and found by name in the catalogue`() async throws
    {
        let database = try await TestPostgres.database()
        let store = FrameStore(pool: database.pool)
        let counts = try await store.store([batch(at: [time - .days(29), time, time + .hours(16)])])
        #expect(counts.stored == 3)
        #expect(try await names(store) == ["frames_20261217", "frames_20270115", "frames_20270116"])
        let first = try #require(try await store.partitioning.all().first)
        #expect(first.from.rfc3339 == "2026-12-17T00:00:00Z")
        #expect(first.to.rfc3339 == "2026-12-18T00:00:00Z")
        #expect(first.bytes > 0)
        #expect(try await store.series("a", host: "web", around: time).first?.times.count == 2)
    }

    @Test func `instants at the edge of a day go to the day that begins there`() async throws {
        let database = try await TestPostgres.database()
        let store = FrameStore(pool: database.pool)
        let midnight = time + .hours(16)
        _ = try await store.store([batch(at: [midnight - .milliseconds(1), midnight])])
        #expect(try await names(store) == ["frames_20270115", "frames_20270116"])
        for name in try await names(store) {
            let rows = try await database.superuser("SELECT count(*) AS n FROM plumbline.\(name)").only().int("n")
            #expect(rows == 1)
        }
    }

    @Test func `another width counts for the partitions that are made later, without a gap or an overlap`() async throws
    {
        let database = try await TestPostgres.database()
        let store = FrameStore(pool: database.pool)
        try await setWidth("1 hour", database)
        _ = try await store.store([batch(at: [time + .minutes(30)])])
        try await setWidth("1 day", database)
        _ = try await store.store([batch(at: [time - .minutes(1), time + .minutes(61), time + .minutes(10)])])
        let partitions = try await store.partitioning.all()
        #expect(partitions.map(\.name) == ["frames_20270115", "frames_20270115080000", "frames_20270115090000"])
        #expect(zip(partitions, partitions.dropFirst()).allSatisfy { $0.to == $1.from })
        #expect(try await store.series("a", host: "web", around: time).first?.times.count == 4)
    }

    @Test func `two servers that need the same partition first make one`() async throws {
        let database = try await TestPostgres.database()
        let stores: [FrameStore] = (0..<6).map { _ in FrameStore(pool: database.pool) }
        let time: Timestamp = self.time
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (number, store) in stores.enumerated() {
                group.addTask { _ = try await store.store([batch(at: [time + .seconds(Int64(number))])]) }
            }
            try await group.waitForAll()
        }
        #expect(try await names(stores[0]) == ["frames_20270115"])
        #expect(try await stores[0].series("a", host: "web", around: time).first?.times.count == 6)
    }

    // Shows F-SV-12
    @Test func `a dropped partition is gone, and made anew for a late frame, whoever remembers it`() async throws {
        let database = try await TestPostgres.database()
        let store = FrameStore(pool: database.pool)
        let other = FrameStore(pool: database.pool)
        _ = try await store.store([batch(at: [time, time + .days(1)])])
        _ = try await other.store([batch(at: [time + .seconds(1)])])
        try await store.partitioning.drop("frames_20270115")
        #expect(try await names(store) == ["frames_20270116"])
        #expect(try await store.series("a", host: "web", around: time).first?.times.count == 1)
        // The other still has the old name in mind.
        #expect(try await other.store([batch(at: [time + .seconds(2)])]).stored == 1)
        #expect(try await names(store) == ["frames_20270115", "frames_20270116"])
    }

    // Shows F-SV-12
    @Test func `a drop that a long reader is in the way of makes no insert wait`() async throws {
        let database = try await TestPostgres.database()
        let store = FrameStore(pool: database.pool)
        _ = try await store.store([batch(at: [time, time + .days(1)])])
        let reader = try await database.connect(as: database.operatorAddress)
        try await reader.script("BEGIN; LOCK TABLE ONLY plumbline.frames IN ACCESS SHARE MODE")
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                let error = await #expect(throws: DatabaseError.self) {
                    try await store.partitioning.drop("frames_20270115")
                }
                #expect(error?.isLockTimeout == true)
                return true
            }
            group.addTask {
                // Each on a new session, which knows nothing of the tables yet and asks for the parent's lock too. Who
                // waits for longer than a moment fails.
                var inserted: Int64 = 0
                while !Task.isCancelled {
                    let writer = try await database.connect(as: database.address)
                    try await writer.script("SET lock_timeout = '20ms'")
                    _ = try await writer.execute(
                        "INSERT INTO frames_20270116 (source, time, layout, values, ingest_seq) VALUES (9, $1, 1, '{1}', 1)",
                        [.time(time + .days(1) + .milliseconds(inserted))])
                    await writer.close()
                    inserted += 1
                }
                #expect(inserted > 0)
                return false
            }
            while let isDropper = try await group.next() { if isDropper { group.cancelAll() } }
        }
    }

    // Shows F-SV-12
    @Test func `a leader that lost its turn drops nothing`() async throws {
        let database = try await TestPostgres.database()
        let store = FrameStore(pool: database.pool)
        _ = try await store.store([batch(at: [time])])
        let leaders = LeaderStore(pool: database.pool)
        let held = try #require(try await leaders.lead("retention", holder: "one", for: .minutes(1)))
        try await leaders.resign(held)
        _ = try #require(try await leaders.lead("retention", holder: "two", for: .minutes(1)))
        await #expect(throws: LeadershipLost.self) { try await store.partitioning.drop("frames_20270115", under: held) }
        #expect(try await names(store) == ["frames_20270115"])
    }

    @Test func `what a span needs is made ahead, however narrow partitions are`() async throws {
        let database = try await TestPostgres.database()
        let store = FrameStore(pool: database.pool)
        try await setWidth("1 hour", database)
        try await store.partitioning.prepare(from: time + .minutes(30), for: .hours(3))
        #expect(
            try await names(store) == (8...11).map { "frames_20270115\($0 < 10 ? "0" : "")\($0)0000" })
    }

    @Test func `dropping gives up soon when somebody reads, and holds up nobody`() async throws {
        let database = try await TestPostgres.database()
        let store = FrameStore(pool: database.pool)
        _ = try await store.store([batch(at: [time, time + .days(1)])])
        let reader = try await database.connect(as: database.operatorAddress)
        try await reader.script("BEGIN; SELECT count(*) FROM plumbline.frames")
        let error = await #expect(throws: DatabaseError.self) { try await store.partitioning.drop("frames_20270115") }
        #expect(error?.isLockTimeout == true)
        #expect(try await store.store([batch(at: [time + .days(1) + .seconds(1)])]).stored == 1)
        #expect(try await names(store) == ["frames_20270115", "frames_20270116"])
        #expect(try await store.series("a", host: "web", around: time).first?.times.count == 3)
        try await reader.script("COMMIT")
        try await store.partitioning.drop("frames_20270115")
        #expect(try await names(store) == ["frames_20270116"])
    }

    @Test func `a name that is no partition drops nothing`() async throws {
        let database = try await TestPostgres.database()
        let store = FrameStore(pool: database.pool)
        _ = try await store.store([batch(at: [time])])
        for name in ["series", "frames", "frames_20270115; DROP TABLE plumbline.series", "frames_20990101", ""] {
            try? await store.partitioning.drop(name)
        }
        #expect(try await names(store) == ["frames_20270115"])
        #expect(try await store.series("a", host: "web", around: time).count == 1)
    }

    @Test func `people read samples in the narrow shape`() async throws {
        let database = try await TestPostgres.database()
        let store = FrameStore(pool: database.pool)
        let frames = [
            Frame(time: time, values: [1, nil]), Frame(time: time + .days(1), values: [.staleMarker, 2.5]),
        ]
        _ = try await store.store([
            FrameBatch(
                source: Source(host: "web", producer: "cpu"), series: [Series("a"), Series("b", ["x": "1"])],
                frames: frames)
        ])
        let rows = try await database.person(
            "SELECT time, host, producer, metric, labels ->> 'x' AS x, value FROM plumbline.metrics_recent ORDER BY time"
        )
        #expect(rows.rows.map { $0["metric"].string } == ["a", "b"])
        #expect(rows.rows.map { $0["value"].double } == [1, 2.5])
        #expect(rows.rows.map { $0["x"].string } == [nil, "1"])
        #expect(rows.rows.map { $0["time"].time } == frames.map(\.time))
        #expect(rows.rows.allSatisfy { $0["host"].string == "web" && $0["producer"].string == "cpu" })
    }
}
