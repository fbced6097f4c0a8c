import AsyncHTTPClient
import Declarations
import Glibc
import Logging
import NIOCore
import NIOHTTP1
import Reconciliation
import Runtime
import ServiceLifecycle
import Synchronization
@testable import SyncDaemon
import Telemetry
import TestSupport
import Testing

private let start = Timestamp(milliseconds: 1_700_000_000_000)

@Suite struct HealthTests {
    private func health(_ clock: any Clock<Duration> = ContinuousClock()) -> SyncHealth {
        SyncHealth(patience: .seconds(150), registry: MetricsRegistry(), clock: clock)
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
        let clock = SteppedClock()
        let health = health(clock)
        clock.advance(by: .seconds(150))
        #expect(health.isHealthy)
        clock.advance(by: .seconds(1))
        #expect(!health.isHealthy)
        health.note(report(finishedAt: start + .seconds(200), .failed), isGitKnown: false)
        clock.advance(by: .seconds(100))
        #expect(health.isHealthy)
        #expect(health.exposition.contains("gitops_sync_runs_total{outcome=\"failed\"} 1\n"))
        #expect(health.exposition.contains("gitops_sync_git_reachable 0\n"))
    }

    /// The report's times are those of the clock that people set.
    @Test(arguments: [-3600, 3600])
    func aClockThatIsSetHidesNoLoopThatStandsStill(seconds: Int64) {
        let clock = SteppedClock()
        let health = health(clock)
        health.note(report(finishedAt: start + .seconds(seconds), .inSync), isGitKnown: true)
        #expect(health.isHealthy)
        clock.advance(by: .seconds(151))
        #expect(!health.isHealthy)
    }

    // Shows F-OP-13
    @Test func theServiceManagerHearsNothingOfALoopThatStandsStill() async throws {
        let folder = try TemporaryFolder()
        let socket = try NotificationSocket(folder("notify"))
        let time = SteppedClock()
        let rounds = CountingClock()
        let manager = ServiceManager { ["NOTIFY_SOCKET": folder("notify"), "WATCHDOG_USEC": "3000"][$0] }
        let presence = health(time).presence(cycleTimeout: .minutes(2), manager: manager, clock: rounds)
        let task = Task { try await presence.run() }
        #expect(try await socket.awaited() == "READY=1")
        #expect(try await socket.awaited() == "WATCHDOG=1")
        time.advance(by: .seconds(151))
        // What was on its way is still heard.
        try await rounds.pass(3)
        while socket.next != nil {}
        try await rounds.pass(3)
        #expect(socket.next == nil)
        task.cancel()
        _ = await task.result
    }

    /// Runs the server of health while `body` does.
    private func withServer(
        secretFile: String? = nil, _ body: (_ port: Int, RunQueue, SyncHealth) async throws -> Void
    ) async throws {
        let queue = RunQueue()
        let (ports, port) = AsyncStream<Int>.makeStream()
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let health = health()
        let server = HealthServer(
            address: ListenAddress(host: "127.0.0.1", port: 0), health: health,
            hook: WebhookGate(queue: queue, secretFile: secretFile, health: health), logger: logger
        ) { port.yield($0) }
        let group = ServiceGroup(services: [server], logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            try await body(try #require(await ports.first { _ in true }), queue, health)
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }

    @Test func healthMetricsAndTheHookAreServed() async throws {
        try await withServer { port, queue, _ in
            let answer: UInt = try await status(.GET, "/healthz", port)
            #expect(answer == 200)
            #expect(try await status(.GET, "/metrics", port) == 200)
            #expect(try await status(.GET, "/hooks/git", port) == 405)
            #expect(try await status(.GET, "/nothing", port) == 404)
            #expect(queue.take().isEmpty)
            #expect(try await status(.POST, "/hooks/git", port) == 202)
            #expect(queue.take() == [.webhook])
        }
    }

    @Test func withASecretOnlyTheForgesWebhooksAreTaken() async throws {
        let folder = try TemporaryFolder()
        let secret: String = try folder.write("It's a Secret to Everybody\n", to: "secret")
        chmod(secret, 0o600)
        let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        try await withServer(secretFile: secret) { port, queue, health in
            #expect(try await status(.POST, "/hooks/git", port, body: "Hello, World!") == 401)
            let forged = ["X-Hub-Signature-256": signature]
            #expect(try await status(.POST, "/hooks/git", port, headers: forged, body: "Hello, Moon!") == 401)
            #expect(queue.take().isEmpty)
            for _ in 0..<2 {
                #expect(try await status(.POST, "/hooks/git", port, headers: forged, body: "Hello, World!") == 202)
            }
            // One that is sent again is a second look, no more.
            #expect(queue.take() == [.webhook, .webhook])
            #expect(health.exposition.contains("gitops_sync_webhooks_total{result=\"refused\"} 2\n"))
            // A secret that was changed counts at once; one that cannot be used lets nobody in.
            try folder.write("another", to: "secret")
            #expect(try await status(.POST, "/hooks/git", port, headers: ["X-Gitlab-Token": "another"]) == 202)
            chmod(secret, 0o644)
            #expect(try await status(.POST, "/hooks/git", port, headers: ["X-Gitlab-Token": "another"]) == 503)
        }
    }

    @Test func theTimesOfDriftsAreCountedOnceAlthoughReportsRepeatThem() throws {
        let health = health()
        var report = report(finishedAt: start, .corrected)
        report.drift = [
            try DriftEntry(json: [
                "id": "1", "target": "server", "kind": "Retention", "name": "metrics", "action": "update", "paths": [],
                "changedBy": ["who": "alice", "via": "sql", "at": .time(start - .seconds(2))],
                "detectedAt": .time(start - .milliseconds(800)), "state": "healed", "result": "applied",
                "endedAt": .time(start), "updatedAt": .time(start),
            ])
        ]
        health.note(report, isGitKnown: true)
        report.startedAt = start + .seconds(1)
        health.note(report, isGitKnown: true)
        #expect(health.exposition.contains("gitops_sync_drift_detect_seconds_count 1\n"))
        #expect(health.exposition.contains("gitops_sync_drift_detect_seconds_sum 1.2\n"))
        #expect(health.exposition.contains("gitops_sync_drift_heal_seconds_bucket{le=\"1\"} 1\n"))
        #expect(health.exposition.contains("gitops_sync_drift_heal_seconds_count 1\n"))
        #expect(health.exposition.contains("gitops_sync_suspended 0\n"))
    }

    private func status(
        _ method: HTTPMethod, _ path: String, _ port: Int, headers: [String: String] = [:], body: String? = nil
    ) async throws -> UInt {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)")
        request.method = method
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let body { request.body = .bytes(ByteBuffer(string: body)) }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(10))
        _ = try await response.body.collect(upTo: 1 << 20)
        return response.status.code
    }
}

/// A clock that counts how often somebody slept by it.
private final class CountingClock: Clock {
    private let sleeps = Mutex(0)
    private let clock = ContinuousClock()

    var now: ContinuousClock.Instant { clock.now }
    var minimumResolution: Duration { clock.minimumResolution }

    func sleep(until deadline: ContinuousClock.Instant, tolerance: Duration?) async throws {
        try await clock.sleep(until: deadline, tolerance: tolerance)
        sleeps.withLock { $0 += 1 }
    }

    /// Returns after so many more sleeps.
    func pass(_ number: Int) async throws {
        let before: Int = sleeps.withLock { $0 }
        try await until("\(number) more rounds") { sleeps.withLock { $0 } >= before + number }
    }
}
