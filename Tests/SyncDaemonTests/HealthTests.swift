import AsyncHTTPClient
import Logging
import NIOCore
import NIOHTTP1
import Reconciliation
import Runtime
import ServiceLifecycle
@testable import SyncDaemon
import Telemetry
import Testing

private let start = Timestamp(milliseconds: 1_700_000_000_000)

@Suite struct HealthTests {
    private func health(_ startedAt: Timestamp = start) -> SyncHealth {
        SyncHealth(startedAt: startedAt, patience: .seconds(150), registry: MetricsRegistry())
    }

    private func report(finishedAt: Timestamp, _ outcome: RunOutcome) -> RunReport {
        var report = RunReport(
            id: "1", host: "h", trigger: .timer, mode: .enforce, startedAt: finishedAt - .seconds(1), repository: "r",
            branch: "b")
        report.finishedAt = finishedAt
        report.outcome = outcome
        return report
    }

    @Test func aDaemonThatCompletesNoRunForFiveIntervalsIsNotHealthy() {
        let health = health()
        #expect(health.isHealthy(at: start + .seconds(150)))
        #expect(!health.isHealthy(at: start + .seconds(151)))
        health.note(report(finishedAt: start + .seconds(200), .failed), isGitKnown: false)
        #expect(health.isHealthy(at: start + .seconds(300)))
        #expect(health.exposition.contains("gitops_sync_runs_total{outcome=\"failed\"} 1\n"))
        #expect(health.exposition.contains("gitops_sync_git_reachable 0\n"))
    }

    @Test func healthMetricsAndTheHookAreServed() async throws {
        let queue = RunQueue()
        let (ports, port) = AsyncStream<Int>.makeStream()
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let server = HealthServer(
            address: ListenAddress(host: "127.0.0.1", port: 0), health: health(.now()), queue: queue, logger: logger
        ) { port.yield($0) }
        let group = ServiceGroup(services: [server], logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            let found: Int = try #require(await ports.first { _ in true })
            #expect(try await status(.GET, "/healthz", found) == 200)
            #expect(try await status(.GET, "/metrics", found) == 200)
            #expect(try await status(.GET, "/hooks/git", found) == 405)
            #expect(try await status(.GET, "/nothing", found) == 404)
            #expect(queue.take().isEmpty)
            #expect(try await status(.POST, "/hooks/git", found) == 202)
            #expect(queue.take() == [.webhook])
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }

    private func status(_ method: HTTPMethod, _ path: String, _ port: Int) async throws -> UInt {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)")
        request.method = method
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(10))
        _ = try await response.body.collect(upTo: 1 << 20)
        return response.status.code
    }
}
