import Declarations
import Foundation
import NIOHTTP1
import Telemetry

/// A client that sends one numbered sample after the other, until it is told to end or the server is gone, and
/// remembers which were acknowledged.
actor SampleStream {
    private(set) var acknowledged: [Int] = []
    private var task: Task<Void, Never>?

    init(_ platform: Platform, host: String) async throws {
        let token: String = try await platform.mint(subject: host, scope: "ingest", host: host)
        task = Task { await self.send(to: platform, host: host, token: token) }
    }

    /// Ends after the request in flight; gives the numbers of all that were acknowledged.
    func finish() async -> [Int] {
        task?.cancel()
        await task?.value
        return acknowledged
    }

    private func send(to platform: Platform, host: String, token: String) async {
        // A time of its own for each: the same series at the same time would be one sample.
        let start = Timestamp(seconds: Date().timeIntervalSince1970)
        for number in 0... {
            guard !Task.isCancelled else { return }
            let body: JSONValue = [
                "host": .string(host),
                "metrics": [
                    [
                        "time": .time(start + .milliseconds(Int64(number))), "name": "marker",
                        "value": .integer(number),
                    ]
                ],
            ]
            let request = Task { try? await platform.request(.POST, "/api/v1/metrics", token: token, json: body) }
            guard let answer: Platform.Answer = await request.value, answer.status == 202 else { return }
            acknowledged.append(number)
        }
    }

    /// The numbers that can be queried.
    static func stored(_ platform: Platform, host: String) async throws -> Set<Int> {
        let answer: JSONValue = try await platform.get("/api/v1/query?query=marker%5B30m%5D")
        let series: JSONValue? = answer["data"]?["result"]?.array?.first { $0["metric"]?["host"]?.string == host }
        return Set(
            (series?["values"]?.array ?? []).compactMap { point in
                point.array?.last?.string.flatMap { Double($0) }.map { Int($0) }
            })
    }
}

/// Changes made behind git's back.
enum Drift {
    /// SQL that keeps samples for another time.
    static func retention(_ keep: String) -> String {
        "UPDATE plumbline.resources SET spec = jsonb_set(spec, '{keep}', '\"\(keep)\"') WHERE kind = 'Retention'"
    }

    static func retentionManifest(_ keep: String) -> String {
        """
        apiVersion: plumbline/v1
        kind: Retention
        metadata:
          name: metrics
        spec:
          dataset: metrics
          keep: \(keep)

        """
    }

    /// SQL that changes after which silence the hosts are stale.
    static func staleAfter(_ time: String) -> String {
        "UPDATE plumbline.resources SET spec = jsonb_set(spec, '{staleAfter}', '\"\(time)\"') WHERE kind = 'HostGroup'"
    }

    static func loadManifest(interval: String) -> String {
        """
        apiVersion: plumbline/v1
        kind: Collector
        metadata:
          name: load
        spec:
          source: load
          interval: \(interval)

        """
    }

    static func hostGroupManifest(staleAfter: String, annotations: String = "") -> String {
        """
        apiVersion: plumbline/v1
        kind: HostGroup
        metadata:
          name: all
        \(annotations)spec:
          hosts: ["*"]
          staleAfter: \(staleAfter)
          downAfter: 2h

        """
    }
}
