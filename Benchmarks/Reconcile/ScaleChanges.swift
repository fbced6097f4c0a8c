import AsyncHTTPClient
import Database
import Declarations
import Glibc
import NIOCore
import NIOHTTP1
import PlatformClient
import Runtime
import Telemetry

/// How long changes take until they are put right, and commits until they are applied; each seen in the database or in
/// the agent's file, not in what gitops-sync says.
struct ScaleChanges: Sendable {
    private let platform: BenchPlatform
    private let repository: ScaleRepository
    private let count: Int
    private let database: PostgresConnection
    private let clock = ContinuousClock()

    init(_ platform: BenchPlatform, _ repository: ScaleRepository, count: Int) async throws {
        self.platform = platform
        self.repository = repository
        self.count = min(count, repository.resources / 3)
        database = try await PostgresConnection(platform.database, applicationName: "plumb-bench")
    }

    func measure(_ results: ScaleBenchmark.Results) async throws {
        // Each rule once: what is changed again and again is put right more slowly.
        let sql: Measurement = try await repeated(count) { try await bySQL($0) }
        let api: Measurement = try await repeated(count) { try await byAPI(count + $0) }
        let file: Measurement = try await measureFile()
        // The hook of a forge tells gitops-sync; that of plumb up would wait for it.
        unlink("\(platform.directory.configRepository)/hooks/post-receive")
        let pushes: Measurement = try await repeated(max(1, count * 2 / 5)) { try await byPush(2 * count + $0) }
        await database.close()
        await results.change {
            $0.waits = [
                ("a change by SQL, until it is right again", (0.99, 1), sql),
                ("a change by API, until it is right again", (0.99, 1), api),
                ("an agent's file, until it is right again", (0.99, 1), file),
                ("a push, until it is applied; told by a webhook", (0.95, 2), pushes),
            ]
        }
    }

    private func repeated(_ times: Int, _ change: (Int) async throws -> Duration) async throws -> Measurement {
        var measured = Measurement()
        for number in 0..<times {
            // Changes that nothing connects: one right behind another waits for it.
            try await Task.sleep(for: .milliseconds(250))
            measured.latencies.append(try await change(number))
        }
        return measured
    }

    /// From now until `isDone`.
    private func time(_ what: String, until isDone: () async throws -> Bool) async throws -> Duration {
        let start: ContinuousClock.Instant = clock.now
        while try await !isDone() {
            guard clock.now - start < .seconds(60) else { throw BenchError("\(what) took longer than a minute") }
            try await Task.sleep(for: .milliseconds(4))
        }
        return clock.now - start
    }

    // MARK: The store

    private func severity(_ rule: Int) async throws -> String? {
        try await database.execute(
            "SELECT spec->>'severity' AS severity FROM plumbline.resources WHERE kind = 'AlertRule' AND name = $1",
            [.text("bench-\(rule)")]
        ).only()["severity"].string
    }

    private func bySQL(_ rule: Int) async throws -> Duration {
        let people: DatabaseAddress = DatabaseAddress(conninfo: platform.record.operatorDatabase)
        let connection = try await PostgresConnection(people, applicationName: "plumb-bench")
        let start: ContinuousClock.Instant = clock.now
        _ = try await connection.execute(
            """
            UPDATE plumbline.resources SET spec = jsonb_set(spec, '{severity}', '"critical"')
            WHERE kind = 'AlertRule' AND name = $1
            """, [.text("bench-\(rule)")])
        _ = try await time("putting a change by SQL right") { try await severity(rule) != "critical" }
        let wait: Duration = clock.now - start
        await connection.close()
        return wait
    }

    /// From sending the request: its answer comes after others saw what it did.
    private func byAPI(_ rule: Int) async throws -> Duration {
        let state: JSONValue = try await platform.client(token: "admin").json(.get, "/v1/config/state")
        let spec: JSONValue = [
            "expr": .string(ScaleRepository.expression(bound: rule)), "for": "10m", "every": "1h",
            "severity": "critical", "annotations": ["summary": .string(ScaleRepository.summary(rule))],
        ]
        let patch: JSONValue = .object([
            "requestId": .string("plumb-bench-\(rule)"), "storeId": state["storeId"] ?? .null,
            "generation": state["generation"] ?? .null,
            "changes": [["op": "put", "kind": "AlertRule", "name": .string("bench-\(rule)"), "spec": spec]],
        ])
        let start: ContinuousClock.Instant = clock.now
        async let answer: Void = send(patch)
        _ = try await time("taking a change by API") { try await severity(rule) == "critical" }
        _ = try await time("putting a change by API right") { try await severity(rule) != "critical" }
        let wait: Duration = clock.now - start
        try await answer
        return wait
    }

    private func send(_ patch: JSONValue) async throws {
        var request = HTTPClientRequest(url: platform.record.serverURL + "/v1/config")
        request.method = .PATCH
        let token: String = try Files.text(platform.directory.token("admin")).trimmed
        request.headers.add(name: "Authorization", value: "Bearer \(token)")
        request.headers.add(name: "Content-Type", value: "application/json")
        request.body = .bytes(ByteBuffer(bytes: patch.canonical))
        let response: HTTPClientResponse = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
        let body: ByteBuffer = try await response.body.collect(upTo: 64 << 20)
        guard response.status.code == 200 else {
            throw BenchError("PATCH /v1/config answered \(response.status.code): \(String(buffer: body).prefix(300))")
        }
    }

    // MARK: An agent's file

    private var agentFile: String { platform.directory.agentState + "/config.json" }

    /// Each collector twice at most, as it counts as contested after that.
    private func measureFile() async throws -> Measurement {
        let names: [String] = try intervals().keys.sorted()
        return try await repeated(min(20, names.count * 2)) { number in
            let name: String = names[number / 2 % names.count]
            let before: String? = try intervals()[name]
            let text: String = try Files.text(agentFile, limit: 16 << 20)
            try Files.write(edited(try JSONValue(parsing: Array(text.utf8)), name).canonical, to: agentFile)
            return try await time("putting an agent's file right") { try intervals()[name] == before }
        }
    }

    private func edited(_ file: JSONValue, _ name: String) throws -> JSONValue {
        guard case .object(var members) = file, let resources = members["resources"]?.array else {
            throw BenchError("\(agentFile) has another form")
        }
        members["resources"] = .array(
            resources.map { resource in
                guard resource["kind"]?.string == "Collector", resource["name"]?.string == name,
                    case .object(var parts) = resource, case .object(var spec)? = parts["spec"]
                else { return resource }
                spec["interval"] = "7m"
                parts["spec"] = .object(spec)
                return .object(parts)
            })
        return .object(members)
    }

    /// Of each collector in the file; empty where it does not say.
    private func intervals() throws -> [String: String] {
        let file = try JSONValue(parsing: Array(try Files.read(agentFile, limit: 16 << 20)))
        var found: [String: String] = [:]
        for resource in file["resources"]?.array ?? [] where resource["kind"]?.string == "Collector" {
            if let name = resource["name"]?.string { found[name] = resource["spec"]?["interval"]?.string ?? "" }
        }
        return found
    }

    // MARK: A push

    /// From the beginning of the push, the check of its pre-receive hook included.
    private func byPush(_ rule: Int) async throws -> Duration {
        try repository.write(rule, bound: repository.resources + rule)
        try await repository.commit("Change rule \(rule)")
        let start: ContinuousClock.Instant = clock.now
        try await repository.push()
        _ = try await platform.client(token: "admin").json(.post, "/hooks/git", body: [:])
        let wanted: String = ScaleRepository.expression(bound: repository.resources + rule)
        _ = try await time("applying a commit") {
            try await database.execute(
                "SELECT spec->>'expr' AS expr FROM plumbline.resources WHERE kind = 'AlertRule' AND name = $1",
                [.text("bench-\(rule)")]
            ).only()["expr"].string == wanted
        }
        return clock.now - start
    }
}
