import ArgumentParser
import Glibc
import Operator
import Runtime

/// `plumb-bench`: measures the built programs beside it, as `make bench` runs it. See docs/performance.md.
@main
struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plumb-bench", abstract: "Measure ingest, store, reconciliation and agent.",
        discussion: "Starts whole platforms of its own in temporary folders; what runs on this machine is left alone.")

    enum Part: String, CaseIterable, ExpressibleByArgument { case ingest, reconcile, store, agent, tail }

    @Option(help: "Only this part: ingest, reconcile, store, agent or tail.")
    var only: Part?
    @Option(help: "How long each cell of the table is measured, in seconds.")
    var seconds: Int = 6
    @Option(
        help: ArgumentHelp(
            "Where the databases are made. On a disk: on a file system in memory an fsync costs nothing.",
            valueName: "dir"))
    var directory: String = "/var/tmp"
    @Option(parsing: .upToNextOption, help: "For reconcile: how many resources, one size after the other.")
    var resources: [Int] = [1000, 10_000]
    @Option(help: "For tail: how many MiB of each form of lines are read.")
    var mebibytes: Int = 256
    @Option(help: "For reconcile: how many changes each way, with the most resources.")
    var changes: Int = 100
    @Option(help: "How many clients send at once.")
    var clients: Int = 4
    @Option(help: "For store: how many hours of 100 hosts are stored and asked about.")
    var hours: Int = 24
    @Option(parsing: .upToNextOption, help: "For store: only these parts of it.")
    var parts: [StorePart] = StorePart.allCases
    @Option(
        help: ArgumentHelp(
            "Where the peers' packages are unpacked; without it the store runs alone, the agent beside what is installed.",
            valueName: "dir"))
    var peers: String?
    @Flag(inversion: .prefixedNo, help: "For store: whether rollups are made; without them, what they cost shows.")
    var rollups = true

    @Option(
        help: ArgumentHelp(
            "For store: the programs of a PostgreSQL that has TimescaleDB. Default: this machine's newest PostgreSQL.",
            valueName: "dir"))
    var timescale: String?

    @Option(
        help: ArgumentHelp(
            "For agent: a static and stripped plumb-agent, as it is installed; without it the part is left out.",
            valueName: "file"))
    var agent: String?
    @Option(help: "For agent: how long it is measured beside the others.")
    var agentMinutes: Int = 10
    @Option(help: "For agent: lines a minute in each of the two log files that it reads.")
    var agentLines: Int = 6

    func validate() throws {
        guard (1...120).contains(agentMinutes) else { throw ValidationError("--agent-minutes is 1 to 120") }
        guard only != .agent || agent != nil else { throw ValidationError("--only agent needs --agent FILE") }
        guard (1...600).contains(seconds) else { throw ValidationError("--seconds is 1 to 600") }
        guard (1...8).contains(clients) else { throw ValidationError("--clients is 1 to 8: the server's pool has 10") }
    }

    func run() async throws {
        let programs: Programs = try .besideThisOne()
        for line in Machine.description { print(line) }
        if only == nil || only == .ingest {
            let benchmark = IngestBenchmark(duration: .seconds(seconds), clients: clients)
            try await BenchPlatform.with(programs, in: directory, environment: BenchPlatform.quiet) { platform in
                try await benchmark.run(on: platform)
            }
        }
        if only == nil || only == .store {
            let comparison = StoreComparison(
                benchmark: StoreBenchmark(clients: clients, hours: hours, parts: Set(parts)), programs: programs,
                directory: directory, makesRollups: rollups, peers: peers, timescalePrograms: timescale)
            try await comparison.run()
        }
        if only == nil || only == .tail {
            try await TailBenchmark(programs: programs, parent: directory, mebibytes: mebibytes).run()
        }
        if only == nil || only == .reconcile {
            try await reconcile(programs)
        }
        if let agent, only == nil || only == .agent {
            let benchmark = AgentBenchmark(
                programs: programs, agent: agent, parent: directory, minutes: agentMinutes, linesPerMinute: agentLines,
                peers: peers ?? "")
            try await benchmark.run()
        }
        print("\nLoad of this machine at the end: \(Machine.load)")
    }

    private func reconcile(_ programs: Programs) async throws {
        print("\nReconcile: \(resources.map(String.init).joined(separator: " and ")) resources.")
        var rows: [ScaleTable.Row] = []
        for count in resources {
            let benchmark = ScaleBenchmark(
                programs: programs, parent: directory, resources: count, duration: .seconds(max(10, seconds)),
                changes: count == resources.max() ? changes : 0)
            rows.append((count, try await benchmark.run()))
        }
        ScaleTable.show(rows)
    }
}
