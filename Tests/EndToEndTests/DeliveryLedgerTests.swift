import Declarations
import Foundation
import Testing

@Suite(.serialized) struct DeliveryLedgerTests {
    private static let host = "ledger-1"

    private struct Count {
        var collected: Int
        var acknowledged: Int
        var waiting: Int
        var dropped: [String: JSONValue]
    }

    private func withAgent(_ body: (Platform, LoneAgent, Gate) async throws -> Void) async throws {
        let platform = try await Platform.start()
        let collector = """
            apiVersion: plumbline/v1
            kind: Collector
            metadata:
              name: load
            spec:
              source: load
              interval: 1s
            """
        try await platform.commit(["collectors/load.yaml": collector], message: "Look at the load every second")
        let pushed: Finished = try await platform.push()
        try #require(pushed.status == 0, "\(pushed.all)")
        let gate = try await Gate(to: platform.port)
        let agent = try await LoneAgent(platform, host: Self.host, server: gate.url)
        try agent.start()
        defer { agent.kill() }
        do { try await body(platform, agent, gate) } catch {
            try? await platform.dispose()
            throw error
        }
        try await gate.shut()
        try await platform.dispose()
    }

    private func count(_ platform: Platform) async throws -> Count? {
        guard let samples = try? await platform.get("/api/v1/hosts/\(Self.host)")["delivery"]?["samples"],
            let collected = samples["collected"]?.integer, let acknowledged = samples["acknowledged"]?.integer
        else { return nil }
        return Count(
            collected: collected, acknowledged: acknowledged, waiting: samples["waiting"]?.integer ?? -1,
            dropped: samples["dropped"]?.object ?? [:])
    }

    private static func encoded(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
    }

    private func stored(_ platform: Platform) async throws -> Int {
        // Name by name, because a count has no name and series would fall together; all at one instant.
        let time = String(Date().timeIntervalSince1970)
        let listed = try await platform.get(
            "/api/v1/label/__name__/values?match%5B%5D=\(Self.encoded("{host=\"\(Self.host)\"}"))")
        var sum = 0
        for name in listed["data"]?.array?.compactMap(\.string) ?? [] {
            let expression = "sum(count_over_time(\(name){host=\"\(Self.host)\"}[1h]))"
            let answer = try await platform.get("/api/v1/query?query=\(Self.encoded(expression))&time=\(time)")
            let value: JSONValue? = answer["data"]?["result"]?.array?.first?["value"]?.array?.last
            sum += value?.string.flatMap { Int($0) } ?? 0
        }
        return sum
    }

    /// Everything that was acknowledged is stored, and nothing is stored that was not collected once.
    private func expectBalance(_ platform: Platform, atLeast samples: Int) async throws {
        let before: Count = try await eventually("a ledger with nothing but the last moments waiting", within: 90) {
            guard let count = try await count(platform), count.acknowledged >= samples, count.waiting < 400 else {
                return nil
            }
            return count
        }
        let stored: Int = try await stored(platform)
        let after: Count = try await eventually("a later ledger", within: 60) {
            guard let count = try await count(platform), count.collected > before.collected else { return nil }
            return count.acknowledged >= stored || count.collected >= stored ? count : nil
        }
        #expect(before.acknowledged <= stored, "nothing that was acknowledged is lost")
        #expect(stored <= after.collected, "nothing is stored twice")
        #expect(after.dropped.isEmpty)
        #expect(after.collected == after.acknowledged + after.waiting)
    }

    // Shows F-AG-13, F-AG-14, F-AG-15
    @Test func `the ledger balances whatever is killed`() async throws {
        try await withAgent { platform, agent, gate in
            _ = try await eventually("a ledger", within: 60) { try await count(platform) }
            for round in 0..<12 {
                try await Task.sleep(for: .milliseconds(Int.random(in: 300...1500)))
                switch round % 4 {
                case 0:
                    agent.kill()
                    try agent.start()
                case 1: try await platform.killChild("server")
                case 2:
                    try await gate.shut()
                    try await Task.sleep(for: .milliseconds(Int.random(in: 500...2000)))
                    try await gate.open()
                default: kill(try platform.postmaster().number, SIGKILL)
                }
            }
            try await expectBalance(platform, atLeast: 100)
        }
    }

    // Shows F-AG-15
    @Test func `a revoked agent keeps what it collects until it is enrolled again`() async throws {
        try await withAgent { platform, agent, _ in
            _ = try await eventually("a ledger", within: 60) { try await count(platform) }
            let revoked: Finished = try await platform.plumb("revoke", "--host", Self.host)
            try #require(revoked.status == 0, "\(revoked.all)")
            let listed: Finished = try await platform.plumb("credentials")
            #expect(listed.output.contains(Self.host) && listed.output.contains("revoked"))
            try await Task.sleep(for: .seconds(2))
            let before: Int = try await stored(platform)
            try await Task.sleep(for: .seconds(3))
            #expect(try await stored(platform) == before, "nothing of a revoked host is taken")
            agent.kill(SIGTERM)
            try await agent.enrol()
            try agent.start()
            try await expectBalance(platform, atLeast: before)
        }
    }
}
