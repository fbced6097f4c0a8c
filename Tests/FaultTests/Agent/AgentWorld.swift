import ColumnCodec
import ConfigAPIServer
import Compression
import Database
import Declarations
import Delivery
import Glibc
import PromQL
import Runtime
import Telemetry
import TestSupport

/// PostgreSQL, a server, an agent and what it collects, each a process of its own or a thread of this one.
final class AgentWorld {
    let postgres: FaultPostgres
    let server: FaultServer
    let agent: FaultAgent
    let clock: FaultClock
    let page: NumberedPage
    let log: NumberedLog
    private(set) var agentKills = 0
    private let folder: TemporaryFolder
    private let start = Timestamp.now()

    private static let host = "fault-agent"

    init() async throws {
        folder = try TemporaryFolder()
        postgres = try await FaultPostgres()
        server = try FaultServer(postgres.address)
        try await server.start()
        clock = try await FaultClock()
        page = try NumberedPage()
        log = NumberedLog(folder("app.log"))
        agent = try FaultAgent(
            host: Self.host, server: server.url, token: try await server.token(host: Self.host), clock: clock)
        try await declare()
        try agent.start()
    }

    private func declare() async throws {
        let present: JSONValue = try await server.ask("GET", "/v1/config", as: [.config])
        func put(_ kind: String, _ name: String, _ spec: JSONValue) -> JSONValue {
            ["op": "put", "kind": .string(kind), "name": .string(name), "spec": spec]
        }
        _ = try await server.ask(
            "PATCH", "/v1/config", as: [.config],
            body: [
                "requestId": "agent-faults", "storeId": present["storeId"] ?? .null,
                "generation": present["generation"] ?? .null,
                "changes": [
                    put("ScrapeTarget", "numbered", ["url": .string(page.url), "interval": "1s"]),
                    put("Collector", "load", ["source": "load", "interval": "1s"]),
                    put("LogSource", "app", ["files": [.string(log.path)]]),
                ],
            ])
    }

    func killAgent() {
        agentKills += 1
        agent.kill()
    }

    // MARK: What is stored

    /// Waits until lines and pages of after now are stored.
    func expectProgress(_ what: String) async throws {
        guard agent.isRunning else { throw TestSupportError("the agent ended by itself: \(agent.log.suffix(3000))") }
        let (written, served) = (log.written, page.served)
        _ = try await answered("lines are stored, \(what)", within: .seconds(90)) {
            try await self.sql("SELECT max(substring(message from '^line (\\d+)')::int) AS n FROM plumbline.logs")
                >= written
                ? true : nil
        }
        _ = try await answered("pages are stored, \(what)", within: .seconds(60)) {
            try await self.storedNumbers(after: .now() - .minutes(2)).keys.max() ?? -1 >= served ? true : nil
        }
    }

    /// Waits until nothing is left to deliver but what is collected all the time, then ends the agent.
    func settle() async throws {
        let written: Int = log.written
        _ = try await answered("all lines are stored or dropped", within: .seconds(90)) { () -> Bool? in
            let delivery: JSONValue? = try await self.server.ask("GET", "/api/v1/hosts/\(Self.host)", as: [.query])[
                "delivery"]
            let dropped: Int = delivery?["lines"]?["dropped"]?.object?.values.reduce(0) { $0 + ($1.integer ?? 0) } ?? 0
            let waiting: Int = delivery?["samples"]?["waiting"]?.integer ?? .max
            let stored: Int = try await self.storedLines().all
            if stored + dropped >= written && waiting < 500 { return true }
            throw TestSupportError(
                "\(written) lines written, \(stored) stored, \(dropped) dropped; \(waiting) samples wait; "
                    + "the server knows \(delivery?.canonicalText ?? "nothing"); the agent says: "
                    + self.agent.output.suffix(4000))
        }
        try await agent.stop()
    }

    func storedLines() async throws -> (all: Int, different: Int) {
        (
            try await sql("SELECT count(*) AS n FROM plumbline.logs"),
            try await sql("SELECT count(DISTINCT message) AS n FROM plumbline.logs")
        )
    }

    private func sql(_ text: String) async throws -> Int {
        let connection: PostgresConnection = try await postgres.connect()
        let row: SQLRow = try await connection.execute(text).only()
        await connection.close()
        return row["n"].int ?? -1
    }

    /// Of each answer of the page, how many of its values are stored.
    func storedNumbers(after time: Timestamp? = nil) async throws -> [Int: Int] {
        let matchers: [Matcher] = [
            try Matcher(metricNameLabel, .equal, "numbered"), try Matcher("host", .equal, Self.host),
        ]
        var counts: [Int: Int] = [:]
        for series in try await load(matchers, after: time) {
            for value in series.values { counts[Int(value) / 100, default: 0] += 1 }
        }
        return counts
    }

    func storedSamples() async throws -> Int {
        try await load([try Matcher("host", .equal, Self.host)]).reduce(0) { $0 + $1.values.count }
    }

    /// The days before the start are those of the clock that was set.
    private func load(_ matchers: [Matcher], after time: Timestamp? = nil) async throws -> [SeriesData] {
        let pool = DatabasePool(address: postgres.address, size: 1, applicationName: "agent faults")
        let store = FrameStore(pool: pool, compression: .zstd)
        let from: Timestamp = time ?? start - .days(3)
        let selection = Selection(
            matchers: matchers, after: from.milliseconds, through: (Timestamp.now() + .hours(3)).milliseconds)
        do {
            let found: [SeriesData] = try await store.load([selection]).first ?? []
            await pool.close()
            return found
        } catch {
            await pool.close()
            throw error
        }
    }

    /// As the agent wrote it down last.
    func ledgerOfLines() throws -> DeliveryLedger.Tally {
        let json = try JSONValue(parsing: try readBytes("\(agent.state)/log-positions.json"))
        return try DeliveryLedger.Tally(json: json["lines"] ?? .null)
    }
}

extension ByteCompression {
    static let zstd = ByteCompression(
        compress: { Zstd.compress($0) }, decompress: { try? Zstd.decompress($0, atMost: $1) })
}
