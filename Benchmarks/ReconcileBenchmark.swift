import Declarations
import Glibc
import Operator
import PlatformClient
import Runtime
import Telemetry

/// One look of gitops-sync at 1,000 resources that are as they should be: how long, and how much processor time.
struct ReconcileBenchmark: Sendable {
    let programs: Programs
    let parent: String
    let duration: Duration

    private static let resources = 1000
    /// The shortest that there is. The wait begins at the end of a look, so a round is this and one look.
    private static let interval: Duration = .milliseconds(100)

    private struct Outcome: Sendable {
        var elapsed: Double
        var looks: Int
        var time: ProcessorTime
    }

    /// The platform is started twice on the same data: once quiet, to know what the rest of it uses, once busy.
    func run() async throws {
        let folder = try DataDirectory(BenchPlatform.temporaryFolder(in: parent))
        defer { BenchPlatform.remove(folder) }
        print("\nReconcile: \(Self.resources) resources in sync, \(duration.inSeconds.text(0)) s of looks.")
        let results = Results()
        try await BenchPlatform.run(programs, in: folder, environment: BenchPlatform.quiet) { platform in
            try await declare(on: platform)
            try await settle(platform)
            await results.set(quiet: try await measure(platform))
        }
        let busy: [String: String] = ["PLUMB_DRIFT_INTERVAL": "100ms", "PLUMB_INTERVAL": "1h"]
        try await BenchPlatform.run(programs, in: folder, environment: busy) { platform in
            try await settle(platform)
            await results.set(busy: try await measure(platform))
        }
        guard let quiet = await results.quiet, let busy = await results.busy else { return }
        try show(quiet, busy)
    }

    private actor Results {
        var quiet: Outcome?
        var busy: Outcome?
        func set(quiet: Outcome) { self.quiet = quiet }
        func set(busy: Outcome) { self.busy = busy }
    }

    private func show(_ quiet: Outcome, _ busy: Outcome) throws {
        guard busy.looks >= 20 else { throw BenchError("only \(busy.looks) looks were made; 20 are needed") }
        let rest: ProcessorTime = quiet.time * (busy.elapsed / quiet.elapsed)
        let each: ProcessorTime = (busy.time - rest) * (1000 / Double(busy.looks))
        let time: Double = (busy.elapsed / Double(busy.looks) - Self.interval.inSeconds) * 1000
        var table = MarkdownTable(["looks", "ms/look", "CPU ms: gitops-sync", "server", "PostgreSQL"])
        table.append(["\(busy.looks)", time.text(1), each.sync.text(1), each.server.text(1), each.postgres.text(1)])
        print("\n" + table.text)
        print(
            "Already taken off: what the platform uses without looks, "
                + "\((quiet.time.server / quiet.elapsed * 1000).text(0)) ms of the server and "
                + "\((quiet.time.postgres / quiet.elapsed * 1000).text(0)) ms of PostgreSQL a second.")
    }

    // MARK: The configuration

    /// Pushes as many alert rules as are missing.
    private func declare(on platform: BenchPlatform) async throws {
        let present: Int = try await resourceCount(platform)
        let clone: String = platform.directory.path + "/clone"
        try await CommandRunner().run("git", ["clone", "--quiet", platform.directory.configRepository, clone])
        try Files.createFolder(clone + "/bench")
        for number in present..<Self.resources {
            try Files.write(Self.rule(number).utf8, to: "\(clone)/bench/rule-\(number).yaml")
        }
        let git = CommandRunner(workingDirectory: clone)
        let author: [String] = ["-c", "user.name=plumb-bench", "-c", "user.email=plumb-bench@localhost"]
        try await git.run("git", ["add", "--all"])
        try await git.run("git", author + ["commit", "--quiet", "--message", "Declare \(Self.resources) resources"])
        try await git.run("git", ["push", "--quiet"])
    }

    /// Evaluated rarely: this is not about evaluation.
    private static func rule(_ number: Int) -> String {
        """
        apiVersion: plumbline/v1
        kind: AlertRule
        metadata:
          name: bench-\(number)
        spec:
          expr: node_load1 > \(1_000_000 + number)
          for: 10m
          every: 1h
          severity: info
          annotations:
            summary: "{{ $labels.host }}: load of {{ $value }} passes the bound of rule \(number)"

        """
    }

    private func resourceCount(_ platform: BenchPlatform) async throws -> Int {
        let config: JSONValue = try await platform.client(token: "gitops-sync").json(.get, "/v1/config")
        return config["resources"]?.array?.count ?? 0
    }

    /// Until everything is there, the last look found it in sync and the server has worked through the change.
    private func settle(_ platform: BenchPlatform) async throws {
        let deadline: ContinuousClock.Instant = .now + .seconds(120)
        while try await resourceCount(platform) < Self.resources {
            guard ContinuousClock.now < deadline else {
                throw BenchError(
                    "\(try await resourceCount(platform)) of \(Self.resources) resources after two minutes")
            }
            try await Task.sleep(for: .milliseconds(500))
        }
        try await Task.sleep(for: .seconds(5))
    }

    // MARK: The measurement

    private func measure(_ platform: BenchPlatform) async throws -> Outcome {
        let clock = ContinuousClock()
        let looksBefore: Int = looks(platform)
        let before = ProcessorTime(platform.record)
        let start: ContinuousClock.Instant = clock.now
        try await Task.sleep(for: duration)
        let elapsed: Double = (clock.now - start).inSeconds
        let time: ProcessorTime = ProcessorTime(platform.record) - before
        return Outcome(elapsed: elapsed, looks: looks(platform) - looksBefore, time: time)
    }

    /// How many runs the log of gitops-sync holds; a record of equal runs counts them. All of the last must be in sync.
    private func looks(_ platform: BenchPlatform) -> Int {
        let text: String = (try? Files.text(platform.directory.syncState + "/reports.jsonl", limit: 64 << 20)) ?? ""
        return text.split(separator: "\n").reduce(0) { sum, line in
            sum + ((try? JSONValue(parsing: Array(line.utf8)))?["count"]?.integer ?? 0)
        }
    }
}
