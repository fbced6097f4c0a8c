import ConfigAPIClient
import Glibc
import Logging
import Reconciliation
import Runtime
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import SyncDaemon

@Suite struct EventStreamTests {
    private let unreachable: ConfigAPIClientError = .unreachable("connection refused")
    private let refusal: ConfigAPIClientError = .failed(status: 403, message: "no event stream")

    /// What happens to a stream: an event comes, or it ends after so long. Gives at which of these there was news.
    private func news(_ stream: inout EventStreamState, _ happenings: [(Duration, ConfigAPIClientError?)?]) -> [Int] {
        happenings.indices.filter { index in
            guard let (age, failure) = happenings[index] else { return stream.heard() }
            return stream.ended(after: age, failure)
        }
    }

    @Test func aComponentThatIsStartedAnewIsNotWorthAWord() {
        var stream = EventStreamState()
        let restart: [(Duration, ConfigAPIClientError?)?] = [
            nil, (.seconds(90), nil), (.zero, unreachable), (.zero, unreachable), (.zero, unreachable),
        ]
        #expect(news(&stream, restart) == [])
        #expect(stream.failures == 4)
        #expect(news(&stream, restart + restart) == [])
    }

    @Test func whatGoesOnFailingIsToldOnceUntilItWorks() {
        var stream = EventStreamState()
        #expect(news(&stream, Array(repeating: (.zero, unreachable), count: 20)) == [4])
        #expect(stream.failures == 20)
        #expect(news(&stream, [nil, nil, (.zero, unreachable)]) == [0])
        #expect(stream.failures == 1)
        #expect(news(&stream, Array(repeating: (.zero, nil), count: 20)) == [3])
        // One that lasted works, also where nothing happened.
        #expect(news(&stream, [(.seconds(30), nil)]) == [])
        #expect(stream.failures == 1)
    }

    @Test func whoIsNotLetInSaysSoAtTheSecondAttempt() {
        var stream = EventStreamState()
        #expect(news(&stream, Array(repeating: (.zero, refusal), count: 4)) == [1])
    }
}

/// A component that lets nobody follow its events.
private struct ClosedDoor: EventSource {
    func follow(_ onEvent: (_ name: String) async -> Void) async throws(ConfigAPIClientError) {
        throw .failed(status: 403, message: "no event stream here")
    }
}

/// A component that says one thing and then hangs up.
private struct OneEvent: EventSource {
    let name: String

    func follow(_ onEvent: (_ name: String) async -> Void) async throws(ConfigAPIClientError) { await onEvent(name) }
}

@Suite struct EventFollowerTests {
    private let health = SyncHealth(patience: .minutes(1), registry: MetricsRegistry())

    private func follower(_ source: any EventSource, _ queue: RunQueue, _ reconciler: Reconciler) -> EventFollower {
        EventFollower(
            source: source, name: "http://server", queue: queue,
            notes: FailureNotes(health: health, reconciler: reconciler),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, clock: PausingClock())
    }

    // Shows F-GO-09
    @Test func eventsThatMayNotBeFollowedAreCountedAndOneReportSaysSo() async throws {
        let fixture = try await SyncFixture()
        try await fixture.repository.commit(["r.yaml": retentionText("30d")])
        let reconciler = try fixture.reconciler()
        let follower = follower(ClosedDoor(), RunQueue(), reconciler)
        let task = Task { try await follower.run() }
        try await until("five attempts are counted") {
            health.failures(.events).value >= 5
        }
        #expect(
            await reconciler.run(.startup, fetches: true).errors == [
                "events of http://server are not followed, drift is seen at the next interval: "
                    + "status 403: no event stream here"
            ])
        let before: Double = health.failures(.events).value
        try await until("five more") { health.failures(.events).value >= before + 5 }
        #expect(await reconciler.run(.timer, fetches: false).errors.isEmpty)
        task.cancel()
        _ = await task.result
    }

    @Test(arguments: [("git", RunTrigger.webhook), ("changed", .event)])
    func eachEventAsksForALook(name: String, trigger: RunTrigger) async throws {
        let fixture = try await SyncFixture()
        let queue = RunQueue()
        let follower = follower(OneEvent(name: name), queue, try fixture.reconciler())
        let task = Task { try await follower.run() }
        var arrived: [RunTrigger] = []
        try await until("it arrives twice") {
            arrived += queue.take()
            return arrived.count >= 2
        }
        #expect(Set(arrived) == [trigger])
        task.cancel()
        _ = await task.result
        #expect(health.failures(.events).value == 0)
    }
}

/// A clock whose waits are short, however long they were meant to be.
private struct PausingClock: Clock {
    private let clock = ContinuousClock()

    var now: ContinuousClock.Instant { clock.now }
    var minimumResolution: Duration { clock.minimumResolution }

    func sleep(until deadline: ContinuousClock.Instant, tolerance: Duration?) async throws {
        try await clock.sleep(for: .milliseconds(1))
    }
}
