import Database
import Glibc
import Operator
import Runtime
import Telemetry

/// TimescaleDB as people use it for metrics: a row for each sample in a hypertable, filled by binary COPY without HTTP,
/// then compressed by series.
struct TimescaleBenchmark: Sendable {
    let directory: String
    /// The folder of a PostgreSQL's programs; nil is the newest of this machine.
    let programs: String?
    let clients: Int
    /// Of 100 hosts with 50 series, as in the day of the others.
    let hours: Int

    /// Gives what the questions took, by their names; nothing where there is no TimescaleDB.
    func run() async throws -> [(name: String, latencies: Measurement)] {
        print("\nTimescaleDB")
        guard let server = try await Server.start(in: directory, programs: programs) else {
            print(
                "  skipped: the PostgreSQL in \(programs ?? "/usr/lib/postgresql") has no TimescaleDB; install it there, or "
                    + "name the programs of one that has it with --timescale")
            return []
        }
        defer { server.stop() }
        return try await measure(server)
    }

    private func measure(_ server: Server) async throws -> [(name: String, latencies: Measurement)] {
        let connection = try await PostgresConnection(
            server.address, ConnectionConfiguration(applicationName: "plumb-bench", statementTimeout: .zero))
        try await connection.script(
            """
            CREATE SCHEMA plumbline; CREATE EXTENSION timescaledb SCHEMA public; SET search_path = public;
            CREATE TABLE series (id int PRIMARY KEY, host text NOT NULL, metric text NOT NULL);
            CREATE INDEX ON series (metric, host);
            CREATE TABLE samples (time timestamptz NOT NULL, series int NOT NULL, value float8 NOT NULL);
            SELECT create_hypertable('samples', 'time', chunk_time_interval => interval '1 day');
            CREATE INDEX ON samples (series, time DESC);
            ALTER TABLE samples SET (timescaledb.compress, timescaledb.compress_segmentby = 'series',
                timescaledb.compress_orderby = 'time')
            """)
        let ticks: Int = hours * 360
        let start: Int64 = Timestamp.now().milliseconds / 86_400_000 * 86_400_000 - 86_400_000
        let fleet = Fleet(name: "day", hosts: 100, seriesPerHost: 50, start: start)
        let queries = TimescaleQueries(fleet: fleet, end: start + Int64(hours) * 3_600_000)
        for statement in queries.registration() { _ = try await connection.execute(statement) }
        var sum = Measurement()
        var walks: [HostWalk] = fleet.walks()
        for _ in stride(from: 0, to: ticks, by: 360) {
            var contents: [[[UInt8]]] = Array(repeating: [], count: clients)
            for host in walks.indices {
                for _ in 0..<4 {
                    contents[host % clients].append(SampleRows.bytes(firstSeries: host * 50, walks[host].frames(90)))
                }
            }
            sum = sum + (try await server.copy(contents))
        }
        sum.samples = ticks * 5000
        sum.processorSeconds = server.processorSeconds
        try await connection.script("CHECKPOINT")
        let plain: Int = try await size(connection)
        let before: Double = server.processorSeconds
        _ = try await connection.execute("SELECT compress_chunk(chunk) FROM show_chunks('samples') AS chunk")
        let compressing: Double = server.processorSeconds - before
        // Each by itself: several statements in one message are a transaction.
        for statement in ["VACUUM ANALYZE", "CHECKPOINT"] { _ = try await connection.execute(statement) }
        let packed: Int = try await size(connection)
        var table = MarkdownTable([
            "TimescaleDB", "M samples/s by COPY", "CPU s/M", "bytes a sample", "compressed", "CPU s/M to compress",
        ])
        let samples = Double(sum.samples)
        table.append([
            try await connection.execute("SELECT extversion AS v FROM pg_extension WHERE extname = 'timescaledb'")
                .only()
                .string("v"), (sum.samplesPerSecond / 1e6).text(2), sum.processorSecondsPerMillionSamples.text(3),
            (Double(plain) / samples).text(2), (Double(packed) / samples).text(2),
            (compressing / samples * 1e6).text(3),
        ])
        print("\n" + table.text)
        let outcomes = try await queries.ask(connection)
        await connection.close()
        return outcomes
    }

    private func size(_ connection: PostgresConnection) async throws -> Int {
        try await connection.execute("SELECT hypertable_size('samples')::bigint AS n").only().int("n")
    }

    /// A PostgreSQL of its own, with the extension loaded.
    private final class Server: Sendable {
        let process: pid_t
        let folder: String

        private init(process: pid_t, folder: String) {
            self.process = process
            self.folder = folder
        }

        var address: DatabaseAddress { DatabaseAddress(conninfo: "host=\(folder) user=postgres dbname=postgres") }
        var processorSeconds: Double { ProcessorTime.seconds(ofTree: process) }

        /// Nil where the installation has no TimescaleDB.
        static func start(in parent: String, programs: String?) async throws -> Server? {
            let bin: String = try programs ?? PostgresInstallation.find().programs
            // Debian's place, and that of a PostgreSQL built by hand.
            let libraries: [String] = ["\(bin)/../lib", "\(bin)/../lib/postgresql"]
            guard libraries.contains(where: { access("\($0)/timescaledb.so", F_OK) == 0 }) else { return nil }
            let user: OSUser? = try PostgresCluster.unprivilegedUser()
            let folder: String = try BenchPlatform.temporaryFolder(in: parent)
            if let user { chown(folder, user.id, user.group) }
            let runner = CommandRunner(environment: ["LC_ALL": "C.UTF-8"], user: user, workingDirectory: folder)
            try await runner.run(
                "\(bin)/initdb", ["--auth=trust", "--username=postgres", "--encoding=UTF8", "-D", "\(folder)/data"])
            var words: [String] = ["\(bin)/postgres", "-D", "\(folder)/data", "-k", folder]
            for setting in [
                "listen_addresses=", "shared_preload_libraries=timescaledb", "timescaledb.telemetry_level=off",
                "shared_buffers=1GB", "max_wal_size=4GB", "max_worker_processes=16",
            ] { words += ["-c", setting] }
            let process: pid_t = try Peer.spawn(user?.command(words) ?? words, log: "\(folder)/log")
            let server = Server(process: process, folder: folder)
            for _ in 0..<300 {
                if let connection = try? await PostgresConnection(server.address, applicationName: "plumb-bench") {
                    await connection.close()
                    return server
                }
                try await Task.sleep(for: .milliseconds(100))
            }
            let log: String = (try? Files.text("\(folder)/log")) ?? ""
            server.stop()
            throw BenchError("PostgreSQL with TimescaleDB did not start: \(log.suffix(500))")
        }

        func copy(_ contents: [[[UInt8]]]) async throws -> Measurement {
            let clock = ContinuousClock()
            let start: ContinuousClock.Instant = clock.now
            try await withThrowingTaskGroup(of: Void.self) { group in
                for own in contents {
                    group.addTask { [address] in
                        let connection = try await PostgresConnection(address, applicationName: "plumb-bench")
                        for content in own {
                            try await connection.copyIn(
                                "COPY public.samples (time, series, value) FROM STDIN (FORMAT binary)", content)
                        }
                        await connection.close()
                    }
                }
                try await group.waitForAll()
            }
            var measurement = Measurement()
            measurement.elapsed = clock.now - start
            return measurement
        }

        func stop() {
            kill(process, SIGQUIT)
            var status: Int32 = 0
            waitpid(process, &status, 0)
            do { try Files.removeTree(folder) } catch { print("\(error)") }
        }
    }
}

/// Rows of one sample each.
private enum SampleRows {
    static func bytes(firstSeries: Int, _ frames: [Frame]) -> [UInt8] {
        var bytes: [UInt8] = Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0x00]
        CopyRows.append(Int32(0), to: &bytes)
        CopyRows.append(Int32(0), to: &bytes)
        for frame in frames {
            for (place, value) in frame.values.enumerated() {
                CopyRows.append(Int16(3), to: &bytes)
                CopyRows.append(Int32(8), to: &bytes)
                CopyRows.append(frame.time.microseconds - 946_684_800_000_000, to: &bytes)
                CopyRows.append(Int32(4), to: &bytes)
                CopyRows.append(Int32(firstSeries + place), to: &bytes)
                CopyRows.append(Int32(8), to: &bytes)
                CopyRows.append(Int64(bitPattern: (value ?? 0).bitPattern), to: &bytes)
            }
        }
        CopyRows.append(Int16(-1), to: &bytes)
        return bytes
    }
}
