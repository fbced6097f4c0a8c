import Database
import Declarations
import Operator
import PlatformClient
import Runtime
import Telemetry

/// What gitops-sync needs for some resources: to validate and plan them, to apply them first, to look at them while
/// nothing moves, to read and compare all of them, and how long a change takes. Against the real server and PostgreSQL.
struct ScaleBenchmark: Sendable {
    let programs: Programs
    let parent: String
    let resources: Int
    let duration: Duration
    /// How often each way of changing something is tried; 0 leaves them out.
    let changes: Int

    /// Of what people wait for, and what it costs.
    struct Figures: Sendable {
        var validate = ChildUse()
        var plan = ChildUse()
        var firstApply = Run()
        var oneChange = Run()
        /// Reading and comparing everything, on average.
        var whole = Run()
        /// CPU of one look while nothing moves.
        var look = ProcessorTime.zero
        /// By the way of changing, how long until it was right again, or applied.
        var waits: [(way: String, goal: (quantile: Double, seconds: Double), times: Measurement)] = []
    }

    /// One run of the daemon.
    struct Run: Sendable {
        /// From its beginning to its end, as its report says.
        var seconds = 0.0
        var time = ProcessorTime.zero
        /// The most that gitops-sync held, in bytes.
        var peak = 0
    }

    actor Results {
        var figures = Figures()
        func change(_ body: @Sendable (inout Figures) -> Void) { body(&figures) }
    }

    func run() async throws -> Figures {
        let folder = try DataDirectory(BenchPlatform.temporaryFolder(in: parent))
        defer { BenchPlatform.remove(folder) }
        let results = Results()
        // As it is installed: a look every ten seconds, git each minute, and events.
        let usual: [String: String] = ["PLUMB_DRIFT_INTERVAL": "10s", "PLUMB_INTERVAL": "60s"]
        try await BenchPlatform.run(programs, in: folder, environment: usual) { platform in
            let repository: ScaleRepository = try await .make(folder, resources: resources)
            try await measureApplies(repository, on: platform, results)
            try await measureWhole(on: platform, results)
            guard changes > 0 else { return }
            let waits = try await ScaleChanges(platform, repository, count: changes)
            try await waits.measure(results)
        }
        let busy: [String: String] = ["PLUMB_DRIFT_INTERVAL": "100ms", "PLUMB_INTERVAL": "1h"]
        try await BenchPlatform.run(programs, in: folder, environment: busy) { platform in
            try await measureLooks(on: platform, results)
        }
        return await results.figures
    }

    // MARK: Applying

    private func measureApplies(
        _ repository: ScaleRepository, on platform: BenchPlatform, _ results: Results
    ) async throws {
        let sync: String = platform.programs.sync
        let configuration: String = platform.directory.syncConfig
        let validate: ChildUse = try await ChildUse.of(sync, ["validate", repository.clone])
        try await repository.commit("Declare \(resources) resources")
        try await repository.push(to: "HEAD:refs/heads/scale")
        let plan: ChildUse = try await ChildUse.of(
            sync, ["plan", "--config", configuration, "--rev", "scale"], allowed: [0, 2])
        let first: Run = try await measure(platform, "applied") { try await repository.push() }
        try repository.write(0, bound: 7)
        try await repository.commit("Change one")
        let change: Run = try await measure(platform, "applied") { try await repository.push() }
        await results.change {
            $0.validate = validate
            $0.plan = plan
            $0.firstApply = first
            $0.oneChange = change
        }
    }

    /// The first run with that outcome that `cause` leads to.
    private func measure(
        _ platform: BenchPlatform, _ outcome: String, _ cause: () async throws -> Void
    ) async throws -> Run {
        var reports = ReportTail(platform)
        let process: Int32 = platform.sync
        Memory.forgetPeak(of: process)
        let before = ProcessorTime(platform.record)
        try await cause()
        let deadline: ContinuousClock.Instant = .now + .seconds(180)
        while ContinuousClock.now < deadline {
            if let seconds = reports.next(where: { $0["outcome"]?.string == outcome })?.seconds {
                return Run(
                    seconds: seconds, time: ProcessorTime(platform.record) - before, peak: Memory(of: process).peak)
            }
            try await Task.sleep(for: .milliseconds(20))
        }
        throw BenchError("no run was \(outcome) within three minutes; see \(platform.directory.logs)")
    }

    // MARK: Looking

    /// A resource that is nobody's business moves the generation: then everything is read and compared, and nothing is to
    /// be done. So it is each minute in any case.
    private func measureWhole(on platform: BenchPlatform, _ results: Results) async throws {
        let connection = try await PostgresConnection(platform.database, applicationName: "plumb-bench")
        var runs: [Run] = []
        for number in 0..<10 {
            let run: Run = try await measure(platform, "inSync") {
                _ = try await connection.execute(
                    """
                    INSERT INTO plumbline.resources (kind, name, spec)
                    VALUES ('AlertRule', 'foreign-\(number)', '{"expr": "up == 2", "every": "1h"}')
                    """)
            }
            runs.append(run)
        }
        await connection.close()
        let whole = Run(
            seconds: runs.map(\.seconds).reduce(0, +) / Double(runs.count),
            time: runs.map(\.time).reduce(.zero, +) * (1 / Double(runs.count)), peak: runs.map(\.peak).max() ?? 0)
        await results.change { $0.whole = whole }
    }

    private func measureLooks(on platform: BenchPlatform, _ results: Results) async throws {
        try await Task.sleep(for: .seconds(8))
        let looks: Int = ReportTail.looks(platform)
        let before = ProcessorTime(platform.record)
        try await Task.sleep(for: duration)
        let time: ProcessorTime = ProcessorTime(platform.record) - before
        let count: Int = ReportTail.looks(platform) - looks
        await results.change { $0.look = time * (1 / Double(max(1, count))) }
    }
}
