import Declarations
import NIOCore
import PlatformClient
import Runtime

/// What the agent counts of itself, as the platform has it.
struct AgentOwnMetrics: Sendable {
    let platform: BenchPlatform

    enum Lane: String { case fresh, backlog }

    struct Sent: Sendable {
        var bytes: Double
        var samples: Double
        var bytesPerSample: Double { bytes / max(1, samples) }

        static func - (later: Sent, earlier: Sent) -> Sent {
            Sent(bytes: later.bytes - earlier.bytes, samples: later.samples - earlier.samples)
        }
    }

    func sent(_ lane: Lane) async throws -> Sent {
        Sent(
            bytes: try await value("plumb_agent_sent_bytes_total{lane=\"\(lane.rawValue)\"}") ?? 0,
            samples: try await value("plumb_agent_sent_samples_total{lane=\"\(lane.rawValue)\"}") ?? 0)
    }

    /// Series of the host with a value in the last minutes, the agent's own included.
    func seriesOfHost() async throws -> Int {
        Int(try await value("count({host=\"bench\"})") ?? 0)
    }

    /// Waits until a metric is as wanted, for three minutes at most.
    func wait(for metric: String, until isRight: (Double) -> Bool) async throws {
        var last: Double?
        for _ in 0..<180 {
            last = (try? await value(metric)) ?? last
            if let last, isRight(last) { return }
            try await Task.sleep(for: .seconds(1))
        }
        throw BenchError("\(metric) is \(last.map { "\($0)" } ?? "not there") after three minutes")
    }

    private func value(_ expression: String) async throws -> Double? {
        let token: String = try Files.text(platform.directory.token("query"))
        let url = "\(platform.record.serverURL)/api/v1/query?query=\(BenchQuery.escaped(expression))"
        let body = try await Sender.get(url, token: String(token.prefix { !$0.isWhitespace })).body
        let answer: JSONValue = try JSONValue(parsing: Array(body.readableBytesView))
        return answer["data"]?["result"]?.array?.first?["value"]?.array?.last?.string.flatMap(Double.init)
    }
}
