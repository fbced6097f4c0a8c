import Database
import Declarations
import Operator
import PlatformClient
import Runtime
import Telemetry

/// What sealing the fleet's day took.
struct SealFigures: Sendable {
    var seconds: Double
    var processorSeconds: Double
    /// Of requests of one tick before it, and while it went on.
    var idle: Measurement
    var meanwhile: Measurement
}

extension PlatformSystem {
    /// Declares in git that days are sealed an hour after their end, and waits until every day that ended before `end` is
    /// in blocks and its frames are gone. `load` sends requests of one tick.
    func seal(
        before end: Timestamp, load: @escaping @Sendable () async throws -> Measurement
    ) async throws -> SealFigures {
        let idle: Measurement = try await load()
        try await declareSealing()
        let connection = try await PostgresConnection(platform.database, applicationName: "plumb-bench")
        try await wait(connection, end) { $0.contains { $0 != "open" } }
        let clock = ContinuousClock()
        let start: ContinuousClock.Instant = clock.now
        let before: Double = processorSeconds
        let meanwhile = Task { try await load() }
        try await wait(connection, end) { $0.allSatisfy { $0 == "sealed" || $0 == "leaving" } }
        let seconds: Double = (clock.now - start).inSeconds
        let used: Double = processorSeconds - before
        let measurement: Measurement = try await meanwhile.value
        try await wait(connection, end) { $0.allSatisfy { $0 == "sealed" } }
        await connection.close()
        return SealFigures(
            seconds: seconds, processorSeconds: used - measurement.processorSeconds, idle: idle, meanwhile: measurement)
    }

    private func declareSealing() async throws {
        let clone: String = platform.directory.path + "/clone"
        try await CommandRunner().run("git", ["clone", "--quiet", platform.directory.configRepository, clone])
        let file: String = clone + "/retentions/metrics.yaml"
        let text: String = try Files.text(file)
        try Files.write((text + "  sealAfter: 1h\n").utf8, to: file)
        let git = CommandRunner(workingDirectory: clone)
        let author: [String] = ["-c", "user.name=plumb-bench", "-c", "user.email=plumb-bench@localhost"]
        try await git.run("git", author + ["commit", "--quiet", "--all", "--message", "Seal an hour after each day"])
        try await git.run("git", ["push", "--quiet"])
    }

    /// Until the states of the metrics' partitions that end before `end` are as wanted.
    private func wait(
        _ connection: PostgresConnection, _ end: Timestamp, until isDone: ([String]) -> Bool
    ) async throws {
        let deadline: ContinuousClock.Instant = .now + .seconds(600)
        while ContinuousClock.now < deadline {
            let result: SQLResult = try await connection.execute(
                "SELECT state FROM partitions WHERE dataset = 'metrics' AND to_time <= $1", [.time(end)])
            if isDone(try result.rows.map { try $0.string("state") }) { return }
            try await Task.sleep(for: .milliseconds(100))
        }
        throw BenchError("the day is not sealed after ten minutes")
    }
}
