import Database
import Declarations
import Runtime
import Telemetry

/// Samples from HTTP to disk and back, side by side with other stores: the same data, the same queries, one run.
struct StoreBenchmark: Sendable {
    let clients: Int
    /// Hours of the fleet that is queried; 24 for figures to publish.
    let hours: Int

    /// What a system did.
    struct Results: Sendable {
        var name: String
        var ingest: [(load: String, measurement: Measurement)] = []
        var disk: [DiskUse] = []
        var samplesOnDisk = 0
        /// By the state of the data: as it was sent, or sealed.
        var queries: [(state: String, outcomes: [(query: BenchQuery, outcome: QueryTarget.Outcome)])] = []
        var growth: [Growth] = []
        var seal: SealFigures?
    }

    private var sender: Sender { Sender(clients: clients) }
    private static let ticksPerRequest = 100

    /// A midnight at least five hours ago: the day can be sealed, and the loads that come after it are of the past too.
    private static func dayEnd() -> Int64 {
        let now: Int64 = Timestamp.now().milliseconds / 1000
        return (now - 5 * 3600) / 86_400 * 86_400
    }

    func run(_ system: some StoreSystem, end: Int64 = dayEnd()) async throws -> Results {
        var results = Results(name: system.name)
        print("\n\(system.name)")
        let lead = 600
        let ticks: Int = (hours * 3600 + lead) / 10
        let day = Fleet(
            name: "day", hosts: 100, seriesPerHost: 50, start: (end - Int64(hours * 3600 + lead)) * 1000)
        results.ingest.append(("100 x 50, \(hours) h", try await load(day, ticks: ticks, into: system)))
        try await system.settle()
        results.samplesOnDisk = day.hosts * day.seriesPerHost * ticks
        results.disk = try await system.diskUse()
        for use in results.disk {
            print("  \(use.what): \((Double(use.bytes) / Double(results.samplesOnDisk)).text(2)) bytes a sample")
        }
        results.queries.append(("as sent", try await ask(system, about: day, end: end)))
        if let ours = system as? PlatformSystem {
            try await seal(ours, day, end: end, &results)
        }
        for (name, hosts, series, ticks, perRequest) in Self.loads {
            // Requests of one tick come after the backlogs: Prometheus takes nothing that is older than an hour.
            let start: Int64 = end + 2 * 3600 + (perRequest == 1 ? 3000 : 0)
            let fleet = Fleet(name: name, hosts: hosts, seriesPerHost: series, start: start * 1000)
            let measurement: Measurement = try await load(fleet, ticks: ticks, perRequest: perRequest, into: system)
            results.ingest.append(("\(hosts) x \(series), \(perRequest) a request", measurement))
        }
        results.growth = try await grow(system, from: end + 3 * 3600 + 1500)
        return results
    }

    /// The same load from 1, 4 and 16 times the hosts; then half a million series, which only memory is asked about.
    private func grow(_ system: some StoreSystem, from start: Int64) async throws -> [Growth] {
        var steps: [Growth] = []
        for hosts in [100, 400, 1600] {
            let fleet = Fleet(name: "grow-\(hosts)", hosts: hosts, seriesPerHost: 50, start: start * 1000)
            let measurement: Measurement = try await load(fleet, ticks: 100, into: system)
            steps.append(Growth(hosts: hosts, series: hosts * 50, measurement: measurement, memory: system.memory))
        }
        let many = Fleet(name: "many", hosts: 1000, seriesPerHost: 500, start: start * 1000)
        let measurement: Measurement = try await load(many, ticks: 10, perRequest: 10, into: system)
        steps.append(Growth(hosts: 1000, series: 500_000, measurement: measurement, memory: system.memory))
        return steps
    }

    struct Growth: Sendable {
        var hosts: Int
        /// That this step added.
        var series: Int
        var measurement: Measurement
        /// After it.
        var memory: Memory
    }

    private func seal(_ system: PlatformSystem, _ day: Fleet, end: Int64, _ results: inout Results) async throws {
        let fleets = Counter()
        let figures: SealFigures = try await system.seal(before: Timestamp(milliseconds: end * 1000)) {
            let fleet = Fleet(
                name: "seal-\(await fleets.next())", hosts: 100, seriesPerHost: 500, start: (end + 3600) * 1000)
            return try await load(fleet, ticks: 40, perRequest: 1, into: system)
        }
        results.seal = figures
        try await system.settle()
        for use in try await system.diskUse() where use.what != "frames" {
            results.disk.append(DiskUse(what: "\(use.what), sealed", bytes: use.bytes))
            print(
                "  sealed, \(use.what): \((Double(use.bytes) / Double(results.samplesOnDisk)).text(2)) bytes a sample")
        }
        let samples = Double(results.samplesOnDisk)
        print(
            "  sealed in \(figures.seconds.text(1)) s, \((samples / figures.processorSeconds / 1e6).text(2)) M samples a "
                + "CPU second; p99 of a tick \(figures.idle.milliseconds(atQuantile: 0.99).text(1)) ms before, "
                + "\(figures.meanwhile.milliseconds(atQuantile: 0.99).text(1)) ms meanwhile")
        results.queries.append(("sealed", try await ask(system, about: day, end: end)))
    }

    private actor Counter {
        private var count = 0
        func next() -> Int {
            count += 1
            return count
        }
    }

    /// Name, hosts, series of each, ticks, ticks a request.
    private static let loads: [(String, Int, Int, Int, Int)] = [
        ("bulk-a", 1000, 50, 300, 100), ("bulk-b", 100, 500, 300, 100), ("live-a", 1000, 50, 20, 1),
        ("live-b", 100, 500, 100, 1),
    ]

    // MARK: Loading

    /// Sends a fleet's ticks. What is prepared between two slices is not measured.
    func load(
        _ fleet: Fleet, ticks: Int, perRequest: Int = ticksPerRequest, into system: some StoreSystem
    ) async throws -> Measurement {
        let feed: Feed = try await system.feed(for: fleet)
        let series = FleetSeries(fleet)
        var walks: [HostWalk] = fleet.walks()
        var sum = Measurement()
        var sent = 0
        while sent < ticks {
            var requests: [PreparedRequest] = []
            var prepared = 0
            while sent < ticks, prepared < 4_000_000 {
                let count: Int = min(perRequest, ticks - sent)
                for host in walks.indices {
                    requests.append(
                        feed.request(
                            fleet: fleet, host: host, series: series, frames: walks[host].frames(count),
                            isFirst: sent == 0))
                }
                sent += count
                prepared += count * fleet.hosts * fleet.seriesPerHost
            }
            let before: Double = system.processorSeconds
            var measurement: Measurement = try await sender.send(requests)
            measurement.processorSeconds = system.processorSeconds - before
            sum = sum + measurement
        }
        print(
            "  \(fleet.name): \((sum.samplesPerSecond / 1e6).text(2)) M samples/s, "
                + "\(sum.processorSecondsPerMillionSamples.text(3)) CPU s/M, "
                + "\((Double(sum.bytes) / Double(sum.samples)).text(2)) bytes a sample sent, "
                + "p99 \(sum.milliseconds(atQuantile: 0.99).text(1)) ms")
        return sum
    }

    // MARK: Asking

    func ask(
        _ system: some StoreSystem, about fleet: Fleet, end: Int64
    ) async throws -> [(query: BenchQuery, outcome: QueryTarget.Outcome)] {
        var outcomes: [(query: BenchQuery, outcome: QueryTarget.Outcome)] = []
        for query in BenchQuery.all(fleet) {
            let outcome: QueryTarget.Outcome = try await system.queries.ask(query, end: end)
            outcomes.append((query, outcome))
            print(
                "  \(query.name): \(outcome.latencies.milliseconds(atQuantile: 0.5).text(2)) ms, "
                    + "p99 \(outcome.latencies.milliseconds(atQuantile: 0.99).text(2)) ms")
        }
        return outcomes
    }
}
