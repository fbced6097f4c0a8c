import Declarations
import Glibc
import NIOCore
import Operator
import PlatformClient
import Runtime

/// What plumb-agent costs a host beside what others run there: memory, processor time, bytes on the wire.
///
/// The agent is a static and stripped one, as `make install` has it, with the starter's collectors, two log files that
/// grow, and a real server to ship to. node_exporter is asked for its page every ten seconds, collectd writes files:
/// neither ships anything.
struct AgentBenchmark: Sendable {
    let programs: Programs
    /// The static agent.
    let agent: String
    let parent: String
    let minutes: Int
    /// In each of the two files, one by one: each is a request of its own where they come seldom.
    let linesPerMinute: Int
    /// The folder that the others' packages are unpacked in; empty where they are installed.
    let peers: String

    static let interval = Duration.seconds(10)
    /// Until caches are filled, and what is done once is done.
    private static let settling = 7

    struct Figures: Sendable {
        struct Party: Sendable {
            var name: String
            var memory: ProcessWeight.Memory
            var processorSeconds: Double
            var series: Int
            /// Of the program, in bytes.
            var size: Int
            /// Bytes of bodies for each value of a tick; nil for who sends nothing.
            var wire: Double?
        }
        /// The agent first.
        var parties: [Party] = []
        var seconds = 0.0
        /// Of bodies, while the server answers and after it was away.
        var freshBytesPerSample = 0.0
        var backlogBytesPerSample = 0.0
        var backlogSamples = 0.0
    }

    func run() async throws {
        let results = Results()
        let tools: Programs = try programsWithStaticAgent()
        defer { try? Files.removeTree(tools.folder) }
        try await BenchPlatform.with(tools, in: parent, environment: BenchPlatform.quiet) { platform in
            await results.set(try await measure(platform))
        }
        AgentTable.show(await results.figures)
    }

    private actor Results {
        private(set) var figures = Figures()
        func set(_ figures: Figures) { self.figures = figures }
    }

    /// A folder with the programs of this build, and the other agent among them.
    private func programsWithStaticAgent() throws -> Programs {
        let folder: String = try BenchPlatform.temporaryFolder(in: parent)
        for name in Files.names(in: programs.folder)
        where name.hasPrefix("plumb") || name == "gitops-sync" {
            guard access("\(programs.folder)/\(name)", X_OK) == 0, name != "plumb-agent", !name.contains(".") else {
                continue
            }
            symlink("\(programs.folder)/\(name)", "\(folder)/\(name)")
        }
        guard access(agent, X_OK) == 0 else { throw BenchError("there is no agent at \(agent)") }
        symlink(Files.absolute(agent), "\(folder)/plumb-agent")
        return Programs(folder: folder)
    }

    private func measure(_ platform: BenchPlatform) async throws -> Figures {
        let logs = GrowingLogs(folder: "\(platform.directory.path)/growing")
        try logs.make()
        // The same two files on every machine, instead of what it has below /var/log.
        try await platform.commit(
            ["log-sources/system.yaml": logs.manifest], message: "Read two files that grow")
        let metrics = AgentOwnMetrics(platform: platform)
        try await metrics.wait(for: "plumb_agent_log_files") { $0 == Double(GrowingLogs.names.count) }
        let exporter: Peer = try await .nodeExporter(root: peers, in: parent)
        defer { exporter.stop() }
        let collectd: Peer = try await .collectd(root: peers, in: parent)
        defer { collectd.stop() }
        guard let process = platform.record.children.first(where: { $0.name == "agent" })?.processID else {
            throw BenchError("the platform has no agent")
        }
        for _ in 0..<Self.settling { try await tick(logs, exporter) }

        var figures = Figures()
        var weights: [ProcessWeight] = try [process, exporter.process, collectd.process].map(ProcessWeight.init)
        let before: AgentOwnMetrics.Sent = try await metrics.sent(.fresh)
        let start: ContinuousClock.Instant = .now
        for _ in 0..<(minutes * 6) {
            try await tick(logs, exporter)
            for place in weights.indices { try weights[place].look() }
        }
        figures.seconds = (ContinuousClock.now - start).inSeconds
        let processor: [Double] = weights.map { $0.processorSeconds() }
        figures.freshBytesPerSample = (try await metrics.sent(.fresh) - before).bytesPerSample
        let exposed: Int = try await exporter.exposedSeries()
        let series: [Int] = [try await metrics.seriesOfHost(), exposed, collectd.csvValues]
        let wire: [Double?] = [
            figures.freshBytesPerSample, Double(try await exporter.packedPageBytes()) / Double(max(1, exposed)), nil,
        ]
        let sizes: [Int] = [agent, peers + Peer.nodeExporterProgram, peers + Peer.collectdProgram].map(Self.size)
        for (place, name) in ["plumb-agent", "node_exporter", "collectd"].enumerated() {
            figures.parties.append(
                Figures.Party(
                    name: name, memory: weights[place].memory, processorSeconds: processor[place],
                    series: series[place], size: sizes[place], wire: wire[place]))
        }
        try await measureBacklog(platform, metrics, &figures)
        return figures
    }

    private func tick(_ logs: GrowingLogs, _ exporter: Peer) async throws {
        let lines: Int = max(1, linesPerMinute / 6)
        for _ in 0..<lines {
            try logs.grow()
            try await Task.sleep(for: Self.interval / lines)
        }
        _ = try await Sender.get(exporter.url + "/metrics")
    }

    /// Stops the server for a while, lets it go on, and looks at what the backlog came in.
    private func measureBacklog(
        _ platform: BenchPlatform, _ metrics: AgentOwnMetrics, _ figures: inout Figures
    ) async throws {
        guard let server = platform.record.children.first(where: { $0.name == "server" })?.processID else {
            throw BenchError("the platform has no server")
        }
        let before: AgentOwnMetrics.Sent = try await metrics.sent(.backlog)
        kill(server, SIGSTOP)
        // A frame is left to the disk after a minute; what comes after that is backlog.
        do {
            defer { kill(server, SIGCONT) }
            try await Task.sleep(for: .seconds(60 + max(60, minutes * 30)))
        }
        // A request that was under way waits its time out, and the next one for a backoff of half a minute.
        try await metrics.wait(for: "plumb_agent_sent_samples_total{lane=\"backlog\"}") { $0 > before.samples }
        try await metrics.wait(for: "plumb_agent_spool_frames") { $0 < 100 }
        try await Task.sleep(for: Self.interval * 2)
        let sent: AgentOwnMetrics.Sent = try await metrics.sent(.backlog) - before
        figures.backlogBytesPerSample = sent.bytesPerSample
        figures.backlogSamples = sent.samples
    }

    private static func size(_ path: String) -> Int {
        var status = stat()
        return stat(path, &status) == 0 ? Int(status.st_size) : 0
    }
}
