import ConfigAPI
import ConfigAPIServer
import Database
import Declarations
import Delivery
import Logging
import Runtime
@testable import ServerDaemon
import Telemetry
import TestSupport
import Testing

@Suite struct BalanceTests {
    private static let lineLedger = String(repeating: "ab", count: 16)

    /// The status of an agent that says it had this many samples acknowledged in the hour that ended last.
    private static func status(
        _ host: String = "web-1", agent: String = "agent-1", boot: String = "boot", hours: [Int: Int] = [:],
        lines: Int = 0
    ) -> AgentStatus {
        var ledger = DeliveryLedger(id: "ledger-1", since: .now())
        let samples: Int = hours.values.reduce(0, +)
        ledger.samples.collected = samples + 7
        ledger.samples.acknowledged = samples
        ledger.samples.drop(2, .rejected)
        ledger.hours = hours
        var tally = DeliveryLedger.Tally()
        tally.collected = lines
        tally.acknowledged = lines
        return AgentStatus(
            host: host, agentId: agent, bootId: boot, version: "0.1.0",
            running: .init(storeId: nil, generation: nil, digest: "none", resources: []),
            file: .init(digest: nil, receivedDigest: nil, changedAt: nil, owner: nil),
            clockOffsetMilliseconds: 0, facts: [:],
            delivery: DeliveryReport(
                ledger: ledger, lines: tally, linesLedger: lineLedger, logBacklogBytes: 0, spoolBytes: 0,
                spoolProblem: nil))
    }

    private func report(_ status: AgentStatus, to server: RunningServer) async throws {
        let answer = try await server.send(
            "POST", "/v1/agent/status", as: [.ingest], host: status.host, body: status.json)
        try #require(answer.status == 200, "\(answer.text)")
    }

    private func host(_ server: RunningServer) async throws -> JSONValue {
        try #require(try await server.send("GET", "/api/v1/hosts/web-1", as: [.query]).json)
    }

    private func keeper(_ server: RunningServer) -> BalanceKeeper {
        let pool: DatabasePool = server.database.pool
        return BalanceKeeper(
            agents: AgentStore(pool: pool), balances: BalanceStore(pool: pool),
            load: { [frames = FrameStore(pool: pool)] in try await frames.load($0) }, leaders: LeaderStore(pool: pool),
            holder: "test",
            metrics: MetricsRegistry(), clock: ContinuousClock(), logger: Logger(label: "test"))
    }

    /// Sends samples of the hour that ended last but one; gives the hour's number.
    private func send(_ count: Int, to server: RunningServer) async throws -> Int {
        let hour: Int = DeliveryLedger.hour(of: .now()) - 2
        let end: Timestamp = DeliveryLedger.end(ofHour: hour)
        let frames: [JSONValue] = (0..<count).map { place in
            // The last one is at the very end of the hour, which belongs to it.
            ["time": .integer(Int((end - .seconds(Int64(place))).milliseconds)), "values": [.integer(place), .null]]
        }
        let batch: JSONValue = [
            "producer": "load", "series": [["name": "node_load1"], ["name": "node_load5"]], "frames": .array(frames),
        ]
        let answer = try await server.send(
            "POST", "/api/v1/metrics", as: [.ingest], host: "web-1",
            body: ["host": "web-1", "batches": [batch]])
        try #require(answer.status == 202, "\(answer.text)")
        return hour
    }

    @Test func whatAnAgentHadAcknowledgedIsComparedWithWhatAQueryFinds() async throws {
        try await RunningServer.with { server in
            let hour: Int = try await send(20, to: server)
            try await report(Self.status(hours: [hour: 20]), to: server)
            try await keeper(server).compareAll()
            let whole: JSONValue? = try await host(server)["delivery"]
            #expect(whole?["balanced"] == true)
            #expect(whole?["samples"]?["hoursChecked"] == 1)
            #expect(whole?["samples"]?["waiting"] == 5)
            #expect(whole?["samples"]?["dropped"]?["rejected"] == 2)
            // Samples that were acknowledged vanish from the store: the count is looked at again when it changed.
            try await report(Self.status(hours: [hour: 23]), to: server)
            try await keeper(server).compareAll()
            let missing: JSONValue? = try await host(server)["delivery"]
            #expect(missing?["balanced"] == false)
            #expect(missing?["samples"]?["missing"] == 3)
        }
    }

    @Test func anHourThatIsNotOverOrWasLookedAtIsLeftAlone() {
        let now: Timestamp = DeliveryLedger.end(ofHour: 500_000) + .minutes(1)
        var ledger = DeliveryLedger(id: "l", since: now)
        ledger.hours = [499_970: 1, 499_998: 5, 499_999: 6, 500_000: 7, 500_001: 8]
        let known = BalanceStore.Hour(
            host: "h", ledger: "l", end: DeliveryLedger.end(ofHour: 499_998), acknowledged: 5, stored: 5)
        #expect(BalanceKeeper.due(ledger, known: [known], now: now) == [499_999])
        #expect(BalanceKeeper.due(ledger, known: [known], now: now + .minutes(2)) == [499_999, 500_000])
        ledger.hours[499_998] = 6
        #expect(BalanceKeeper.due(ledger, known: [known], now: now) == [499_998, 499_999])
    }

    @Test func linesAreCountedInTheTransactionThatStoresThem() async throws {
        try await RunningServer.with { server in
            let line: (Int) -> JSONValue = { place in
                ["place": .integer(place), "time": .time(.now()), "level": "info", "message": "line \(place)"]
            }
            func send(_ lines: Range<Int>) async throws {
                let stream: JSONValue = [
                    "stream": "s1", "source": "system", "path": "/var/log/x", "end": .integer(lines.upperBound * 10),
                    "lines": .array(lines.map { line($0 * 10) }),
                ]
                let answer = try await server.send(
                    "POST", "/api/v1/logs", as: [.ingest], host: "web-1",
                    headers: ["Plumb-Ledger": Self.lineLedger], body: ["streams": [stream]])
                try #require(answer.status == 202, "\(answer.text)")
            }
            try await send(0..<5)
            try await send(3..<8)
            try await report(Self.status(lines: 8), to: server)
            let lines: JSONValue? = try await host(server)["delivery"]?["lines"]
            #expect(lines?["stored"] == 8, "a line that was sent twice is stored and counted once")
            #expect(lines?["missing"] == 0)
            try await report(Self.status(lines: 9), to: server)
            #expect(try await host(server)["delivery"]?["lines"]?["missing"] == 1)
        }
    }

    @Test func twoAgentsUnderOneNameAreNoticedAndARestartIsNot() async throws {
        try await RunningServer.with { server in
            try await report(Self.status(boot: "boot-1"), to: server)
            try await report(Self.status(boot: "boot-2"), to: server)
            #expect(try await host(server)["clones"] == nil, "the host was booted anew")
            // The clone has the same agent's name and a boot of its own, and both go on.
            try await report(Self.status(boot: "boot-1"), to: server)
            try await report(Self.status(boot: "boot-2"), to: server)
            let twins: [JSONValue] = try #require(try await host(server)["clones"]?.array)
            #expect(twins.compactMap { $0["bootId"]?.string } == ["boot-1", "boot-2"])
            #expect(twins.allSatisfy { $0["address"] == "127.0.0.1" })
        }
    }
}
