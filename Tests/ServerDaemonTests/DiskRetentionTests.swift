import ConfigAPI
import ConfigAPIServer
import Database
import Declarations
import Glibc
import Runtime
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import ServerDaemon

// Shows F-SV-12, W-B-20
@Suite struct DiskRetentionTests {
    private static let gibibyte = 1 << 30

    /// A disk of 500 GiB whose free space tests say.
    private final class Disk: Sendable {
        private let free: Mutex<Int>
        init(free: Int) { self.free = Mutex(free) }
        var space: DiskSpace { DiskSpace(free: free.withLock { $0 }, total: 500 << 30) }
        func set(free new: Int) { free.withLock { $0 = new } }
    }

    private func send(_ server: RunningServer) async throws -> RunningServer.Answer {
        try await server.send(
            "POST", "/api/v1/metrics", as: [.ingest], host: "web",
            body: ["host": "web", "metrics": [["name": "m", "value": 1]]])
    }

    private func retention(_ spec: [String: JSONValue]) -> ConfigChange {
        ConfigChange(
            .put(.object(spec.merging(["dataset": "metrics"]) { old, _ in old })), kind: "Retention", name: "metrics")
    }

    /// Frames of now and of some days before, some of them with many rows.
    private func store(_ days: [Int64], rows: Int = 1, _ server: RunningServer) async throws {
        let store = FrameStore(pool: server.database.pool)
        for day in days {
            let time: Timestamp = .now() - .days(day)
            _ = try await store.store([
                FrameBatch(
                    source: Source(host: "web", producer: "p"), series: [Series("a")],
                    frames: [Frame(time: time, values: [1])])
            ])
            let name: String = try await store.partitioning.name(at: time)
            try await server.database.superuser(
                """
                INSERT INTO plumbline.\(name) (source, time, layout, values, ingest_seq)
                SELECT 1000 + n, $1, 1, '{1}', 1 FROM generate_series(1, $2::bigint) AS n
                """, [.time(time), .integer(rows)])
        }
    }

    /// How many partitions there are, without those that were made ahead.
    private func partitions(_ server: RunningServer) async throws -> Int {
        let now: Timestamp = .now()
        return try await FrameStore(pool: server.database.pool).partitioning.all().count { $0.from <= now }
    }

    @Test func `at the floor nothing is taken in, everything else goes on, and it ends by itself`() async throws {
        let disk = Disk(free: 100 * Self.gibibyte)
        try await RunningServer.with {
            $0.databaseDisk = "/data"
            $0.measureDisk = { path in path == "/data" ? disk.space : DiskSpace(free: 1, total: 2) }
        } _: { server in
            try await server.put([
                ConfigChange(
                    .put(["type": "webhook", "url": "http://127.0.0.1:1/"]), kind: "Notifier", name: "ops")
            ])
            try await server.untilMetricsSay("plumb_disk_free_bytes{disk=\"database\"} \(100 * Self.gibibyte)")
            #expect(try await send(server).status == 202)
            disk.set(free: Self.gibibyte - 1)
            let refused: RunningServer.Answer = try await server.eventually {
                let answer = try await self.send(server)
                return answer.status == 507 ? answer : nil
            }
            #expect(refused.headers["retry-after"] == "30")
            #expect(refused.json?["error"]?.string?.contains("nearly full (1023.9 MiB free)") == true)
            for path in ["/api/v1/logs", "/api/v1/events"] {
                let answer = try await server.send("POST", path, as: [.ingest], host: "web", body: [:])
                #expect(answer.status == 507)
            }
            // Who may not send is told so, as ever.
            #expect(try await server.send("POST", "/api/v1/metrics", as: [.query], body: [:]).status == 403)
            let readiness = try await server.send("GET", "/readyz")
            #expect(readiness.status == 200)
            #expect(readiness.json?["status"] == "degraded")
            #expect(readiness.json?["checks"]?["disk"]?.string?.contains("nearly full") == true)
            try await server.untilMetricsSay("plumb_disk_floor_reached 1")
            #expect(try await server.send("GET", "/api/v1/query?query=m", as: [.query]).status == 200)
            try await server.put([RunningServer.collector()])
            let hosts = try await server.send("GET", "/api/v1/hosts", as: [.query])
            #expect(hosts.json?["hosts"]?.array?.first?["status"] == "ok")
            // The metrics and config above ran while it was full; so did telling people.
            let told: String = try await server.eventually {
                try await server.database.superuser(
                    "SELECT body ->> 'event' AS event FROM plumbline.outbox WHERE body ->> 'rule' = 'disk.floor'"
                ).rows.first?.string("event")
            }
            #expect(told == "firing")
            disk.set(free: 2 * Self.gibibyte)
            _ = try await server.eventually { try await self.send(server).status == 202 ? true : nil }
            _ = try await server.eventually {
                try await server.database.superuser(
                    "SELECT FROM plumbline.outbox WHERE body ->> 'rule' = 'disk.floor' AND body ->> 'event' = 'resolved'"
                ).rows.isEmpty ? nil : true
            }
            #expect(try await server.send("GET", "/readyz").json?["status"] == "ready")
        }
    }

    @Test func `beyond its size the oldest partitions of a dataset go at once`() async throws {
        try await RunningServer.with { server in
            try await store([0, 2, 4, 6], rows: 10_000, server)
            let one: Int = try await FrameStore(pool: server.database.pool).partitioning.all()[0].bytes
            #expect(one > 1 << 19)
            // Nothing was declared before, and still nothing waits.
            try await server.put([retention(["maxSize": .integer(one * 5 / 2)])])
            _ = try await server.eventually { try await self.partitions(server) == 2 ? true : nil }
            let oldest: Timestamp = try #require(
                try await FrameStore(pool: server.database.pool).partitioning.all().first?.from)
            #expect(oldest > .now() - .days(4))
            // That many are within it: nothing else goes.
            try await server.untilMetricsSay(#"plumb_retention_dropped_total{for="size"} 2"#)
            #expect(try await partitions(server) == 2)
        }
    }

    @Test func `below the declared free space the oldest go, and what is written meanwhile is taken`() async throws {
        let disk = Disk(free: 50 * Self.gibibyte)
        try await RunningServer.with {
            $0.databaseDisk = "/data"
            $0.measureDisk = { _ in disk.space }
        } _: { server in
            try await store([0, 2, 4], server)
            try await server.put([retention(["minFreeDisk": .integer(20 * Self.gibibyte)])])
            try await server.untilMetricsSay(#"plumb_disk_floor_reached 0"#)
            #expect(try await partitions(server) == 3)
            disk.set(free: 19 * Self.gibibyte)
            // They are small, so all go that may; what is written into now stays.
            _ = try await server.eventually { try await self.partitions(server) == 1 ? true : nil }
            #expect(try await send(server).status == 202)
        }
    }

    @Test func `a partition that somebody reads keeps no other from going`() async throws {
        try await RunningServer.with {
            $0.retentionGrace = .zero
        } _: { server in
            try await store([0, 10, 20], server)
            let names: [String] = try await FrameStore(pool: server.database.pool).partitioning.all().map(\.name)
            let reader = try await server.database.connect(as: server.database.operatorAddress)
            try await reader.script("BEGIN; SELECT FROM plumbline.\(names[0])")
            try await server.put([retention(["keep": "5d"])])
            _ = try await server.eventually { try await self.partitions(server) == 2 ? true : nil }
            let rest: [String] = try await FrameStore(pool: server.database.pool).partitioning.all().map(\.name)
            #expect(rest.contains(names[0]) && !rest.contains(names[1]))
            try await reader.script("COMMIT")
            _ = try await server.eventually { try await self.partitions(server) == 1 ? true : nil }
        }
    }

    // MARK: A real disk

    private static let mayMount: Bool = {
        guard geteuid() == 0, let folder = try? TemporaryFolder() else { return false }
        guard mount("tmpfs", folder.path, "tmpfs", 0, "size=1m") == 0 else { return false }
        return umount(folder.path) == 0
    }()

    @Test(.enabled(if: Self.mayMount, "needs root and the right to mount a tmpfs"))
    func `a small file system that fills up is noticed, and so is that it was cleared`() async throws {
        let folder = try TemporaryFolder()
        try #require(mount("tmpfs", folder.path, "tmpfs", 0, "size=64m") == 0)
        defer { umount2(folder.path, Int32(MNT_DETACH)) }
        try await RunningServer.with {
            $0.databaseDisk = folder.path
        } _: { server in
            _ = try await server.eventually { try await self.send(server).status == 202 ? true : nil }
            // A fiftieth of 64 MiB is 1.28 MiB.
            try folder.write([UInt8](repeating: 7, count: 63 << 20), to: "ballast")
            _ = try await server.eventually { try await self.send(server).status == 507 ? true : nil }
            unlink(folder("ballast"))
            _ = try await server.eventually { try await self.send(server).status == 202 ? true : nil }
        }
    }

    @Test func `a local database says where its files are, and a server says what it found`() async throws {
        try await RunningServer.with { server in
            let found: JSONValue = try await server.eventually {
                let details = try await server.send("GET", "/readyz").json?["details"]
                return details?["databaseDisk"]?["freeBytes"] == nil || details?["database"] == nil ? nil : details
            }
            #expect(found["databaseDisk"]?["freeBytes"]?.integer ?? 0 > 0)
            #expect(found["database"]?.string?.hasPrefix("PostgreSQL 1") == true)
            // Who may not know where the files are is no worse off otherwise.
            let people = DatabasePool(address: server.database.operatorAddress, size: 1, applicationName: "tests")
            let facts: DatabaseFacts = try await DatabaseFacts.read(people)
            await people.close()
            #expect(facts.dataDirectory == nil && facts.isLocal)
        }
    }
}
