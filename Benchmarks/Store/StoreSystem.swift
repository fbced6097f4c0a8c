import Database
import Declarations
import NIOCore
import Operator
import PlatformClient
import Runtime

/// One system that stores samples, running, as the comparison sees it.
protocol StoreSystem: Sendable {
    var name: String { get }
    func feed(for fleet: Fleet) async throws -> Feed
    /// Of all its processes, in seconds since they began.
    var processorSeconds: Double { get }
    /// What of it a database used; 0 where there is none.
    var databaseSeconds: Double { get }
    var memory: Memory { get }
    var queries: QueryTarget { get }
    /// What is done behind the answers is done: the processor rests.
    func rest() async throws
    /// What lies on disk for the names of series; nil where it cannot be told apart.
    func indexBytes() async throws -> Int?
    /// Everything sent is where queries and `diskUse` see it.
    func settle() async throws
    /// What lies on disk for samples and their index, a write-ahead log apart, in bytes.
    func diskUse() async throws -> [DiskUse]
}

struct DiskUse: Sendable {
    var what: String
    var bytes: Int
}

/// Ours: server and PostgreSQL.
struct PlatformSystem: StoreSystem {
    let platform: BenchPlatform
    let adminToken: String
    private let makesRollups: Bool

    init(_ platform: BenchPlatform, makesRollups: Bool = true) throws {
        self.platform = platform
        self.makesRollups = makesRollups
        adminToken = try Files.text(platform.directory.token("admin"))
            .trimmingPrefix { $0.isWhitespace }.description.filter { !$0.isWhitespace }
    }

    var name: String { "Plumbline" }

    func feed(for fleet: Fleet) async throws -> Feed {
        let client: ServerClient = platform.client(token: "admin")
        var tokens: [String] = []
        for number in 0..<fleet.hosts {
            let host: String = fleet.host(number)
            let answer: JSONValue = try await client.json(
                .post, "/api/v1/tokens",
                body: ["subject": .string(host), "scopes": ["ingest"], "host": .string(host), "for": "4h"])
            guard let token = answer["token"]?.string else { throw BenchError("no token for \(host)") }
            tokens.append(token)
        }
        return .native(url: platform.record.serverURL, tokens: tokens)
    }

    var processorSeconds: Double {
        let time = ProcessorTime(platform.record)
        return time.server + time.postgres
    }

    var databaseSeconds: Double { ProcessorTime(platform.record).postgres }

    /// As if somebody else led them, who does nothing.
    func stopRollups() async throws {
        let superuser = try await PostgresConnection(platform.superuser, applicationName: "plumb-bench")
        _ = try await superuser.execute(
            """
            INSERT INTO plumbline.leaders (task, holder, epoch, expires_at)
            VALUES ('rollups', 'nobody', 1, now() + interval '12 hours')
            ON CONFLICT (task) DO UPDATE SET holder = excluded.holder, epoch = leaders.epoch + 1,
                expires_at = excluded.expires_at
            """)
        await superuser.close()
    }

    /// Rollups of hours that are long over are made anew when something is written to them.
    func rest() async throws {
        guard makesRollups else { return }
        let connection = try await PostgresConnection(platform.database, applicationName: "plumb-bench")
        let deadline: ContinuousClock.Instant = .now + .seconds(120)
        while ContinuousClock.now < deadline {
            let left: Int = try await connection.execute(
                "SELECT count(*) AS n FROM rollup_marks WHERE hour < now() - interval '2 hours'"
            ).only().int("n")
            if left == 0 { break }
            try await Task.sleep(for: .milliseconds(200))
        }
        await connection.close()
    }

    func indexBytes() async throws -> Int? { try await diskUse().first { $0.what == "index" }?.bytes }

    var serverProcess: Int32 { platform.record.children.first { $0.name == "server" }?.processID ?? 0 }

    /// The server's alone: PostgreSQL's is a cache of the size that it was given.
    var memory: Memory { Memory(of: serverProcess) }

    var queries: QueryTarget { QueryTarget(name: name, base: platform.record.serverURL, token: adminToken) }

    func settle() async throws {
        let superuser = try await PostgresConnection(platform.superuser, applicationName: "plumb-bench")
        _ = try await superuser.execute("CHECKPOINT")
        await superuser.close()
    }

    func diskUse() async throws -> [DiskUse] {
        let connection = try await PostgresConnection(platform.database, applicationName: "plumb-bench")
        let result: SQLResult = try await connection.execute(
            """
            SELECT what, sum(pg_total_relation_size(oid))::bigint AS bytes FROM (
                SELECT oid, CASE
                    WHEN relname ~ '^(frames|late)' THEN 'frames' WHEN relname ~ '^blocks' THEN 'blocks'
                    WHEN relname ~ '^rollup' THEN 'rollups'
                    WHEN relname IN ('series', 'layouts', 'sources', 'source_layouts') THEN 'index' END AS what
                FROM pg_class WHERE relkind = 'r' AND relnamespace = 'plumbline'::regnamespace) AS relation
            WHERE what IS NOT NULL GROUP BY what ORDER BY what
            """)
        await connection.close()
        return try result.rows.map { DiskUse(what: try $0.string("what"), bytes: try $0.int("bytes")) }
    }
}

extension Peer: StoreSystem {
    func feed(for fleet: Fleet) async throws -> Feed {
        name == "VictoriaMetrics" ? .importLines(url: url) : .remoteWrite(url: url)
    }

    var memory: Memory { Memory(of: process) }

    var databaseSeconds: Double { 0 }

    /// Until it uses less than a twentieth of a processor for a second.
    func rest() async throws {
        for _ in 0..<30 {
            let before: Double = processorSeconds
            try await Task.sleep(for: .seconds(1))
            if processorSeconds - before < 0.05 { return }
        }
    }

    func indexBytes() async throws -> Int? {
        name == "VictoriaMetrics" ? FolderSize.bytes(folder + "/data/indexdb") : nil
    }

    var queries: QueryTarget {
        QueryTarget(name: name, base: url, extra: name == "VictoriaMetrics" ? "&nocache=1" : "")
    }

    func settle() async throws {
        if name == "VictoriaMetrics" {
            _ = try await Sender.get(url + "/internal/force_flush")
            _ = try await Sender.get(url + "/internal/force_merge")
            // The merge goes on behind the answer.
            var last = -1
            for _ in 0..<60 {
                let now: Int = FolderSize.bytes(folder + "/data")
                if now == last { break }
                last = now
                try await Task.sleep(for: .seconds(1))
            }
        }
    }

    func diskUse() async throws -> [DiskUse] {
        guard name == "Prometheus" else { return [DiskUse(what: "data", bytes: FolderSize.bytes(folder + "/data"))] }
        // A snapshot makes blocks of what is in memory and in the write-ahead log still.
        let answer: [UInt8] = Array(try await Sender.post(url + "/api/v1/admin/tsdb/snapshot").readableBytesView)
        guard let snapshot = try JSONValue(parsing: answer)["data"]?["name"]?.string else {
            throw BenchError("no snapshot")
        }
        return [DiskUse(what: "blocks", bytes: FolderSize.bytes("\(folder)/data/snapshots/\(snapshot)"))]
    }
}
