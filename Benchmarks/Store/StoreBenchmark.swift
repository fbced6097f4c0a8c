import Database
import Declarations
import FrameFormat
import Runtime
import Telemetry

/// Samples from HTTP to disk and back, side by side with other stores: the same data, the same queries, one run.
struct StoreBenchmark: Sendable {
    let clients: Int
    /// Hours of the fleet that is queried; 24 for figures to publish.
    let hours: Int
    let parts: Set<StorePart>

    /// What a system did.
    struct Results: Sendable {
        var name: String
        var ingest: [(load: String, measurement: Measurement)] = []
        var disk: [DiskUse] = []
        var samplesOnDisk = 0
        /// By the state of the data: as it was sent, or sealed.
        var queries: [(state: String, outcomes: [(query: BenchQuery, outcome: QueryTarget.Outcome)])] = []
        var growth: [(hosts: Int, measurement: Measurement)] = []
        var series: [AddedSeries] = []
        var seal: SealFigures?
    }

    private static let ticksPerRequest = 100

    /// A midnight at least five hours ago: the day can be sealed, and the loads that come after it are of the past too.
    private static func dayEnd() -> Int64 {
        let now: Int64 = Timestamp.now().milliseconds / 1000
        return (now - 5 * 3600) / 86_400 * 86_400
    }

    /// Everything but the series' own cost, in order of time: Prometheus takes nothing that is older than an hour.
    func run(_ system: some StoreSystem, end: Int64 = dayEnd()) async throws -> Results {
        var results = Results(name: system.name)
        print("\n\(system.name)")
        if parts.contains(.day) { try await day(system, end: end, &results) }
        for load in StoreLoad.all where load.part == .bulk && parts.contains(.bulk) {
            try await run(load, at: end + 2 * 3600, system, &results)
        }
        if parts.contains(.growth) { try await grow(system, at: end + 3 * 3600 + 1500, &results) }
        for load in StoreLoad.all where load.part == .live && parts.contains(.live) {
            // As agents send: the last tick is of now.
            let start: Int64 = Timestamp.now().milliseconds / 1000 - Int64(load.ticks * 10)
            try await run(load, at: start, system, &results)
        }
        return results
    }

    private func day(_ system: some StoreSystem, end: Int64, _ results: inout Results) async throws {
        let lead = 600
        let ticks: Int = (hours * 3600 + lead) / 10
        let day = Fleet(
            name: "day", hosts: 100, seriesPerHost: 50, start: (end - Int64(hours * 3600 + lead)) * 1000)
        results.ingest.append(
            (
                "100 x 50, \(Self.ticksPerRequest) ticks a request, \(hours) h",
                try await load(day, ticks: ticks, into: system)
            ))
        try await system.settle()
        results.samplesOnDisk = day.hosts * day.seriesPerHost * ticks
        results.disk = try await system.diskUse()
        for use in results.disk {
            print("  \(use.what): \((Double(use.bytes) / Double(results.samplesOnDisk)).text(2)) bytes a sample")
        }
        results.queries.append(("as sent", try await ask(system, about: day, end: end)))
        if let ours = system as? PlatformSystem { try await seal(ours, day, end: end, &results) }
    }

    private func run(
        _ load: StoreLoad, at start: Int64, _ system: some StoreSystem, _ results: inout Results
    ) async throws {
        let fleet = Fleet(name: load.name, hosts: load.hosts, seriesPerHost: load.series, start: start * 1000)
        let measurement: Measurement = try await self.load(
            fleet, ticks: load.ticks, perRequest: load.perRequest, clients: load.clients, isKnown: load.part == .live,
            into: system)
        results.ingest.append((load.title, measurement))
    }

    /// The same load from 1, 4 and 16 times the hosts: what a sample costs must not grow with them.
    private func grow(_ system: some StoreSystem, at start: Int64, _ results: inout Results) async throws {
        for hosts in [100, 400, 1600] {
            let fleet = Fleet(name: "grow-\(hosts)", hosts: hosts, seriesPerHost: 50, start: start * 1000)
            results.growth.append((hosts, try await load(fleet, ticks: 100, into: system)))
        }
    }

    // MARK: Series

    /// What series cost that a system has never met.
    struct AddedSeries: Sendable {
        var added: Int
        /// With one sample of each.
        var measurement: Measurement
        /// Of the index on disk, by all series so far.
        var indexBytes: Int?
        var all: Int
        /// After a query that looks at every host.
        var memory: Memory
        /// Before anything was sent.
        var empty: Memory
    }

    /// Of a system that has just been started: 50,000 series of 1,000 hosts, then 450,000 more of the same number.
    func addSeries(to system: some StoreSystem, _ results: inout Results) async throws {
        print("\n\(system.name), empty")
        let empty: Memory = system.memory
        var all = 0
        for perHost in [50, 450] {
            let now: Int64 = Timestamp.now().milliseconds
            let fleet = Fleet(name: "series-\(perHost)", hosts: 1000, seriesPerHost: perHost, start: now - 20_000)
            let measurement: Measurement = try await load(fleet, ticks: 1, perRequest: 1, clients: 64, into: system)
            all += 1000 * perHost
            try await system.settle()
            _ = try await Sender.get(
                system.queries.base + "/api/v1/query?query=count(bench_percent_0)", token: system.queries.token)
            results.series.append(
                AddedSeries(
                    added: 1000 * perHost, measurement: measurement, indexBytes: try await system.indexBytes(),
                    all: all,
                    memory: system.memory, empty: empty))
        }
    }

    private func seal(_ system: PlatformSystem, _ day: Fleet, end: Int64, _ results: inout Results) async throws {
        let fleets = Counter()
        let figures: SealFigures = try await system.seal(before: Timestamp(milliseconds: end * 1000)) {
            let fleet = Fleet(
                name: "seal-\(await fleets.next())", hosts: 100, seriesPerHost: 500, start: (end + 3600) * 1000)
            return try await load(fleet, ticks: 40, perRequest: 1, isKnown: true, into: system)
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

    // MARK: Loading

    /// Sends a fleet's ticks. What is prepared between two slices is not measured, and what the system does behind its
    /// answers is waited for and counted in.
    ///
    /// - Parameter isKnown: a first tick, which is not measured, brings the hosts and their series.
    func load(
        _ fleet: Fleet, ticks: Int, perRequest: Int = ticksPerRequest, clients: Int? = nil, isKnown: Bool = false,
        into system: some StoreSystem
    ) async throws -> Measurement {
        let sender = Sender(clients: clients ?? self.clients)
        var requests = RequestStream(fleet, feed: try await system.feed(for: fleet))
        if isKnown { _ = try await sender.send(requests.next(ticks: 1, perRequest: 1)) }
        var sum = Measurement()
        var sent = 0
        var before: (all: Double, database: Double) = (system.processorSeconds, system.databaseSeconds)
        while sent < ticks {
            // Some four million samples: what is ready to be sent fits into memory.
            let perTick: Int = fleet.hosts * fleet.seriesPerHost
            let count: Int = min(ticks - sent, max(perRequest, 4_000_000 / perTick / perRequest * perRequest))
            let slice: [PreparedRequest] = requests.next(ticks: count, perRequest: perRequest)
            if sent == 0 { before = (system.processorSeconds, system.databaseSeconds) }
            sum = sum + (try await sender.send(slice))
            sent += count
        }
        try await system.rest()
        sum.processorSeconds = system.processorSeconds - before.all
        let database: Double = (system.databaseSeconds - before.database) / max(sum.processorSeconds, 0.001)
        print(
            "  \(fleet.name): \((sum.samplesPerSecond / 1e6).text(2)) M samples/s, "
                + "\(sum.processorSecondsPerMillionSamples.text(3)) CPU s/M"
                + (database > 0 ? " (database \((100 * database).text(0)) %)" : "")
                + ", \((Double(sum.bytes) / Double(sum.samples)).text(2)) bytes a sample sent, "
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
