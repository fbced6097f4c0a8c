import Database
import Declarations
import Glibc
import Operator
import PlatformClient
import Runtime
import Telemetry

/// What gitops-sync needs for some resources: to validate and plan them, to apply them first, to look at them while
/// nothing moves, and for one change. Against the real server and PostgreSQL.
struct ScaleBenchmark: Sendable {
    let programs: Programs
    let parent: String
    let resources: Int
    let duration: Duration

    /// Of what people wait for, and what it costs.
    struct Figures: Sendable {
        var validate = ChildUse()
        var plan = ChildUse()
        var firstApply = 0.0
        var oneChange = 0.0
        /// CPU milliseconds of one look while nothing moves: gitops-sync, server, PostgreSQL.
        var look: (sync: Double, server: Double, postgres: Double) = (0, 0, 0)
        /// CPU milliseconds of gitops-sync for reading and comparing everything once.
        var wholeLook = 0.0
        /// The most memory that the daemon of gitops-sync ever held, in MiB.
        var peak = 0.0
    }

    func run() async throws -> Figures {
        let folder = try DataDirectory(BenchPlatform.temporaryFolder(in: parent))
        defer { BenchPlatform.remove(folder) }
        let results = Results()
        try await BenchPlatform.run(programs, in: folder, environment: BenchPlatform.quiet) { platform in
            try await measureChanges(on: platform, results)
        }
        let busy: [String: String] = ["PLUMB_DRIFT_INTERVAL": "100ms", "PLUMB_INTERVAL": "1h"]
        try await BenchPlatform.run(programs, in: folder, environment: busy) { platform in
            try await measureLooks(on: platform, results)
        }
        return await results.figures
    }

    private actor Results {
        var figures = Figures()
        func change(_ body: @Sendable (inout Figures) -> Void) { body(&figures) }
    }

    // MARK: Changes

    private func measureChanges(on platform: BenchPlatform, _ results: Results) async throws {
        let clone: String = platform.directory.path + "/clone"
        try await CommandRunner().run("git", ["clone", "--quiet", platform.directory.configRepository, clone])
        try Files.createFolder(clone + "/bench")
        for first in stride(from: 0, to: resources, by: Self.rulesOfFile) {
            try Files.write(rules(from: first).utf8, to: "\(clone)/bench/rules-\(first).yaml")
        }
        let sync: String = platform.programs.sync
        let configuration: String = platform.directory.syncConfig
        let validate: ChildUse = try await ChildUse.of(sync, ["validate", clone])
        let git = CommandRunner(workingDirectory: clone)
        try await commit(git, "Declare \(resources) resources")
        try await git.run("git", ["push", "--quiet", "origin", "HEAD:refs/heads/scale"])
        let plan: ChildUse = try await ChildUse.of(
            sync, ["plan", "--config", configuration, "--rev", "scale"], allowed: [0, 2])
        let before: Int = reports(platform).count
        try await git.run("git", ["push", "--quiet", "origin", "HEAD"])
        let first: Double = try await seconds(ofRunAfter: before, platform)
        try Files.write(rules(from: 0, boundOfFirst: 7).utf8, to: "\(clone)/bench/rules-0.yaml")
        try await commit(git, "Change one")
        let then: Int = reports(platform).count
        try await git.run("git", ["push", "--quiet", "origin", "HEAD"])
        let change: Double = try await seconds(ofRunAfter: then, platform)
        await results.change {
            $0.validate = validate
            $0.plan = plan
            $0.firstApply = first
            $0.oneChange = change
        }
    }

    private func commit(_ git: CommandRunner, _ message: String) async throws {
        let author: [String] = ["-c", "user.name=plumb-bench", "-c", "user.email=plumb-bench@localhost"]
        try await git.run("git", ["add", "--all"])
        try await git.run("git", author + ["commit", "--quiet", "--message", message])
    }

    /// A tree holds 10,000 files, and people do not give each rule one of its own.
    private static let rulesOfFile = 100

    private func rules(from first: Int, boundOfFirst: Int? = nil) -> String {
        (first..<min(first + Self.rulesOfFile, resources)).map { number in
            Self.rule(number, bound: number == first ? boundOfFirst ?? number : number)
        }.joined(separator: "---\n")
    }

    /// Evaluated rarely: this is not about evaluation.
    private static func rule(_ number: Int, bound: Int) -> String {
        """
        apiVersion: plumbline/v1
        kind: AlertRule
        metadata:
          name: bench-\(number)
        spec:
          expr: node_load1 > \(1_000_000 + bound)
          for: 10m
          every: 1h
          severity: info
          annotations:
            summary: "{{ $labels.host }}: load of {{ $value }} passes the bound of rule \(number)"

        """
    }

    /// From the beginning of the run that applied something to its end.
    private func seconds(ofRunAfter count: Int, _ platform: BenchPlatform) async throws -> Double {
        let deadline: ContinuousClock.Instant = .now + .seconds(180)
        while ContinuousClock.now < deadline {
            let found = reports(platform).dropFirst(count).first { $0["outcome"]?.string == "applied" }
            if let found, let from = found["startedAt"]?.string.flatMap({ Timestamp(rfc3339: $0) }),
                let to = found["finishedAt"]?.string.flatMap({ Timestamp(rfc3339: $0) })
            {
                return (to - from).seconds
            }
            try await Task.sleep(for: .milliseconds(200))
        }
        throw BenchError("nothing was applied within three minutes; see \(platform.directory.logs)")
    }

    private func reports(_ platform: BenchPlatform) -> [JSONValue] {
        let text: String = (try? Files.text(platform.directory.syncState + "/reports.jsonl", limit: 256 << 20)) ?? ""
        return text.split(separator: "\n").compactMap { try? JSONValue(parsing: Array($0.utf8)) }
    }

    // MARK: Looks

    private func measureLooks(on platform: BenchPlatform, _ results: Results) async throws {
        try await Task.sleep(for: .seconds(10))
        let quiet: (looks: Int, time: ProcessorTime) = try await measure(platform, for: duration)
        // A minute holds one look that reads everything.
        let minute: (looks: Int, time: ProcessorTime) = try await measure(platform, for: .seconds(60))
        let each: ProcessorTime = quiet.time * (1000 / Double(max(1, quiet.looks)))
        let whole: Double = max(0, minute.time.sync * 1000 - each.sync * Double(minute.looks))
        let process: Int32 = platform.record.children.first { $0.name == "gitops-sync" }?.processID ?? 0
        let peak: Double = Double(Memory(of: process).peak) / Double(1 << 20)
        await results.change {
            $0.look = (each.sync, each.server, each.postgres)
            $0.wholeLook = whole
            $0.peak = peak
        }
    }

    private func measure(
        _ platform: BenchPlatform, for span: Duration
    ) async throws -> (looks: Int, time: ProcessorTime) {
        let looks: Int = looks(platform)
        let before = ProcessorTime(platform.record)
        try await Task.sleep(for: span)
        return (self.looks(platform) - looks, ProcessorTime(platform.record) - before)
    }

    private func looks(_ platform: BenchPlatform) -> Int {
        reports(platform).reduce(0) { $0 + ($1["count"]?.integer ?? 0) }
    }
}

/// What a program used from its start to its end.
struct ChildUse: Sendable {
    var seconds = 0.0
    var processorSeconds = 0.0
    /// Bytes that were resident at most.
    var peak = 0

    /// Runs a program and waits for it on a thread of its own; what it prints is thrown away.
    static func of(_ program: String, _ arguments: [String], allowed: Set<Int32> = [0]) async throws -> ChildUse {
        let clock = ContinuousClock()
        let start: ContinuousClock.Instant = clock.now
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
        var words: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var process: pid_t = 0
        guard posix_spawn(&process, program, &actions, nil, &words, environ) == 0 else {
            throw BenchError("cannot start \(program)")
        }
        var status: Int32 = 0
        var use = rusage()
        while wait4(process, &status, 0, &use) < 0 && errno == EINTR {}
        let code: Int32 = (status >> 8) & 0xff
        guard status & 0x7f == 0, allowed.contains(code) else {
            throw BenchError("\(program) \(arguments.first ?? "") ended with status \(code)")
        }
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
        return ChildUse(
            seconds: (clock.now - start).inSeconds, processorSeconds: seconds(use.ru_utime) + seconds(use.ru_stime),
            peak: use.ru_maxrss << 10)
    }
}

/// The figures of several sizes beside what was aimed at.
struct ScaleTable {
    static func show(_ figures: [(resources: Int, ScaleBenchmark.Figures)]) {
        var table = MarkdownTable([
            "resources", "validate s", "CPU s", "MiB", "plan s", "CPU s", "MiB", "first apply s", "one change s",
            "look CPU ms", "server", "PostgreSQL", "whole look CPU ms", "peak MiB",
        ])
        for (resources, figure) in figures {
            table.append([
                "\(resources)", figure.validate.seconds.text(2), figure.validate.processorSeconds.text(2),
                "\(figure.validate.peak >> 20)", figure.plan.seconds.text(2), figure.plan.processorSeconds.text(2),
                "\(figure.plan.peak >> 20)", figure.firstApply.text(2), figure.oneChange.text(2),
                figure.look.sync.text(1), figure.look.server.text(1), figure.look.postgres.text(1),
                figure.wholeLook.text(0), figure.peak.text(0),
            ])
        }
        print("\n" + table.text)
        guard let last = figures.last else { return }
        print("\nAimed at, and what was reached of it (below 1 is better):")
        let goals: [(String, Double, Double)] = [
            ("a look while nothing moves, 5 ms of gitops-sync", last.1.look.sync, 5),
            ("everything read and compared, 300 ms of gitops-sync", last.1.wholeLook, 300),
            ("most memory, 60 MiB", last.1.peak, 60),
            ("first apply, 5 s", last.1.firstApply, 5),
        ]
        for (name, value, goal) in goals { print("- \(name): \((value / goal).text(2))") }
        guard let first = figures.first, figures.count > 1 else { return }
        let growth: Double = last.1.firstApply / first.1.firstApply
        print(
            "- first apply grew by \(growth.text(1)) for \((Double(last.resources) / Double(first.resources)).text(0)) "
                + "times the resources")
    }
}
