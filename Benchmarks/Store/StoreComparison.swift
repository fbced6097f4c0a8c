import Declarations
import Operator

/// Runs each system alone, one after the other, and prints what they did side by side.
struct StoreComparison: Sendable {
    let benchmark: StoreBenchmark
    let programs: Programs
    let directory: String
    /// A folder that holds `usr/bin/victoria-metrics` and `usr/bin/prometheus`.
    let peers: String?

    func run() async throws {
        print(
            "\nStore: \(benchmark.clients) clients; the day's fleet is \(benchmark.hours) h of 100 hosts with 50 series."
        )
        var all: [StoreBenchmark.Results] = []
        let ours = Box()
        try await BenchPlatform.with(programs, in: directory, environment: BenchPlatform.quiet) { platform in
            await ours.set(try await benchmark.run(PlatformSystem(platform)))
        }
        if let results = await ours.results { all.append(results) }
        if let peers {
            for start in [
                { try await Peer.victoriaMetrics("\(peers)/usr/bin/victoria-metrics", in: directory) },
                { try await Peer.prometheus("\(peers)/usr/bin/prometheus", in: directory) },
            ] {
                let peer: Peer = try await start()
                defer { peer.stop() }
                all.append(try await benchmark.run(peer))
            }
        }
        print("\n" + Self.ingestTable(all).text)
        print("\n" + Self.diskTable(all).text)
        print("\n" + Self.queryTable(all).text)
        print("\n" + Self.growthTable(all).text)
        for line in Self.differences(all) { print(line) }
    }

    private actor Box {
        var results: StoreBenchmark.Results?
        func set(_ results: StoreBenchmark.Results) { self.results = results }
    }

    // MARK: Tables

    static func ingestTable(_ all: [StoreBenchmark.Results]) -> MarkdownTable {
        var table = MarkdownTable(["load"] + all.flatMap { ["\($0.name) M/s", "CPU s/M", "p99 ms"] } + ratioHeads(all))
        for (place, row) in (all.first?.ingest ?? []).enumerated() {
            let measurements: [Measurement] = all.map { $0.ingest[place].measurement }
            let figures: [String] = measurements.flatMap {
                [
                    ($0.samplesPerSecond / 1e6).text(2), $0.processorSecondsPerMillionSamples.text(3),
                    $0.milliseconds(atQuantile: 0.99).text(1),
                ]
            }
            let ratios: [String] = measurements.dropFirst().map {
                (measurements[0].samplesPerSecond / $0.samplesPerSecond).text(2)
            }
            table.append([row.load] + figures + ratios)
        }
        return table
    }

    static func diskTable(_ all: [StoreBenchmark.Results]) -> MarkdownTable {
        var table = MarkdownTable(["system", "what", "bytes a sample"])
        for results in all {
            for use in results.disk {
                let each: Double = Double(use.bytes) / Double(max(results.samplesOnDisk, 1))
                table.append([results.name, use.what, each.text(2)])
            }
        }
        return table
    }

    static func queryTable(_ all: [StoreBenchmark.Results]) -> MarkdownTable {
        let columns: [(name: String, outcomes: [(query: BenchQuery, outcome: QueryTarget.Outcome)])] = all.flatMap {
            results in results.queries.map { ("\(results.name), \($0.state)", $0.outcomes) }
        }
        var table = MarkdownTable(["query, p50 ms"] + columns.map(\.name))
        for (place, row) in (columns.first?.outcomes ?? []).enumerated() {
            table.append(
                [row.query.name]
                    + columns.map { $0.outcomes[place].outcome.latencies.milliseconds(atQuantile: 0.5).text(2) })
        }
        return table
    }

    static func growthTable(_ all: [StoreBenchmark.Results]) -> MarkdownTable {
        var table = MarkdownTable([
            "system", "hosts", "series added", "M samples/s", "CPU s/M", "p99 ms", "RSS MiB", "anonymous MiB",
        ])
        for results in all {
            for step in results.growth {
                table.append([
                    results.name, "\(step.hosts)", "\(step.series)", (step.measurement.samplesPerSecond / 1e6).text(2),
                    step.measurement.processorSecondsPerMillionSamples.text(3),
                    step.measurement.milliseconds(atQuantile: 0.99).text(1), "\(step.memory.resident >> 20)",
                    "\(step.memory.anonymous >> 20)",
                ])
            }
        }
        return table
    }

    private static func ratioHeads(_ all: [StoreBenchmark.Results]) -> [String] {
        all.dropFirst().map { "ratio to \($0.name)" }
    }

    /// Where ours answers something else than Prometheus, whose language it is.
    static func differences(_ all: [StoreBenchmark.Results]) -> [String] {
        guard let ours = all.first, let theirs = all.first(where: { $0.name == "Prometheus" })?.queries.first else {
            return []
        }
        return ours.queries.flatMap { state, outcomes in
            outcomes.enumerated().map { place, mine in
                let other = AnswerPoints(theirs.outcomes[place].outcome.answers)
                let difference: String? = AnswerPoints(mine.outcome.answers).difference(from: other)
                return "\(state), \(mine.query.name): " + (difference ?? "equal to Prometheus' answer")
            }
        }
    }
}
