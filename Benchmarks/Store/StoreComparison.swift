import Declarations
import Operator

/// Runs each system alone, one after the other, and prints what they did side by side.
struct StoreComparison: Sendable {
    let benchmark: StoreBenchmark
    let programs: Programs
    let directory: String
    /// Else nobody does, so that the rest can be measured.
    let makesRollups: Bool
    /// A folder that holds `usr/bin/victoria-metrics` and `usr/bin/prometheus`.
    let peers: String?

    /// The programs of a PostgreSQL that has TimescaleDB.
    let timescalePrograms: String?

    func run() async throws {
        print(
            "\nStore: \(benchmark.clients) clients; the day's fleet is \(benchmark.hours) h of 100 hosts with 50 series."
        )
        var all: [StoreBenchmark.Results] = []
        let copies = Box<[(load: String, measurement: Measurement)]>([])
        let ours = Box(StoreBenchmark.Results(name: "Plumbline"))
        let parts: Set<StorePart> = benchmark.parts
        if !parts.isDisjoint(with: [.day, .bulk, .growth, .live, .copy]) {
            try await BenchPlatform.with(programs, in: directory, environment: BenchPlatform.quiet) { platform in
                let system = try PlatformSystem(platform, makesRollups: makesRollups)
                if !makesRollups { try await system.stopRollups() }
                await ours.set(try await benchmark.run(system))
                if parts.contains(.copy) {
                    await copies.set(try await BareCopy(platform: platform, clients: benchmark.clients).run())
                }
            }
        }
        if parts.contains(.series) {
            try await BenchPlatform.with(programs, in: directory, environment: BenchPlatform.quiet) { platform in
                var results: StoreBenchmark.Results = await ours.value
                try await benchmark.addSeries(to: PlatformSystem(platform), &results)
                await ours.set(results)
            }
        }
        all.append(await ours.value)
        for start in starts() {
            let peer: Peer = try await start()
            var results: StoreBenchmark.Results
            do {
                defer { peer.stop() }
                results = try await benchmark.run(peer)
            }
            if parts.contains(.series) {
                let empty: Peer = try await start()
                defer { empty.stop() }
                try await benchmark.addSeries(to: empty, &results)
            }
            all.append(results)
        }
        var timescale: [(name: String, latencies: Measurement)] = []
        if parts.contains(.timescale) {
            timescale = try await TimescaleBenchmark(
                directory: directory, programs: timescalePrograms, clients: benchmark.clients, hours: benchmark.hours
            ).run()
        }
        let tables = StoreTables(all: all, copies: await copies.value, timescale: timescale, parts: parts)
        for table in tables.texts { print("\n" + table) }
    }

    private func starts() -> [@Sendable () async throws -> Peer] {
        guard let peers else { return [] }
        return [
            { [directory] in try await Peer.victoriaMetrics("\(peers)/usr/bin/victoria-metrics", in: directory) },
            { [directory] in try await Peer.prometheus("\(peers)/usr/bin/prometheus", in: directory) },
        ]
    }

    private actor Box<Value: Sendable> {
        private(set) var value: Value
        init(_ value: Value) { self.value = value }
        func set(_ value: Value) { self.value = value }
    }
}
