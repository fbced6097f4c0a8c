@testable import AgentDaemon
import ConfigAPI
import Declarations
import Glibc
import HostSystem
import Runtime
import ServiceLifecycle
import Synchronization
import Telemetry
import Testing

/// A clock on which time passes `factor` times as fast: an interval of a second is over in a few milliseconds.
struct FastClock: Clock {
    typealias Duration = Swift.Duration
    struct Instant: InstantProtocol {
        var offset: Swift.Duration
        func advanced(by duration: Swift.Duration) -> Instant { Instant(offset: offset + duration) }
        func duration(to other: Instant) -> Swift.Duration { other.offset - offset }
        static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
    }

    let factor: Int
    private let start = ContinuousClock.now

    init(factor: Int = 20) { self.factor = factor }

    var now: Instant { Instant(offset: (ContinuousClock.now - start) * factor) }
    var minimumResolution: Swift.Duration { .milliseconds(1) }
    func sleep(until deadline: Instant, tolerance: Swift.Duration?) async throws {
        try await Task.sleep(until: start + deadline.offset / factor, clock: .continuous)
    }
}

/// A host whose load average counts how often it was read, so that a lost or doubled frame shows.
final class CountingHostFiles: HostFiles {
    private let loads = Mutex(0)
    private let isMemoryBroken = Mutex(false)

    var loadReads: Int { loads.withLock { $0 } }
    func breakMemory() { isMemoryBroken.withLock { $0 = true } }

    func read(_ path: String) throws(FileError) -> [UInt8] {
        switch path {
        case "/proc/loadavg":
            let count: Int = loads.withLock {
                $0 += 1
                return $0
            }
            return Array("\(count) 0.5 0.25 1/98 7\n".utf8)
        case "/proc/stat": return Array("cpu0 1 2 3 4\nprocs_running 3\nprocs_blocked 1\n".utf8)
        case "/proc/meminfo" where !isMemoryBroken.withLock { $0 }: return Array("MemTotal: 8 kB\n".utf8)
        case "/proc/sys/kernel/random/boot_id": return Array("boot-1\n".utf8)
        case "/etc/os-release": return Array("ID=debian\n".utf8)
        default:
            throw FileError(path: path, operation: "read", reason: "No such file or directory", code: ENOENT)
        }
    }

    func list(_ path: String) throws(FileError) -> [String] { [] }
    func space(ofFileSystemAt path: String) throws(FileError) -> FileSystemSpace {
        FileSystemSpace(size: 1, free: 1, available: 1, files: 1, filesFree: 1)
    }
}

/// One agent with a folder and a host of its own.
final class AgentHarness: Sendable {
    let folder: String
    let files = CountingHostFiles()
    let server: FakeServer
    private let clock: any Clock<Duration>
    private let waitsOnThreads: Bool

    var configPath: String { "\(folder)/state/config.json" }
    var tokenPath: String { "\(folder)/token" }

    init(_ server: FakeServer, clock: any Clock<Duration>, waitsOnThreads: Bool = false) throws {
        var template: [CChar] = Array("/tmp/plumb-agent-XXXXXX".utf8CString)
        _ = mkdtemp(&template)
        folder = String(decoding: template.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        self.server = server
        self.clock = clock
        self.waitsOnThreads = waitsOnThreads
        try setToken("token-1")
        try Files.createFolder("\(folder)/state")
        try Files.createFolder("\(folder)/logs")
    }

    func setToken(_ token: String) throws { try Files.write(Array("\(token)\n".utf8), to: tokenPath, mode: 0o600) }
    var logs: String { "\(folder)/logs" }
    func config() throws -> String { try Files.text(configPath) }
    /// Rewrites the file in place, as an editor may.
    func edit(_ text: String) throws {
        let descriptor: Int32 = open(configPath, O_WRONLY | O_TRUNC | O_CREAT, 0o644)
        defer { close(descriptor) }
        #expect(write(descriptor, Array(text.utf8), text.utf8.count) == text.utf8.count)
    }

    /// Runs an agent while `body` does, then stops it gracefully.
    func running(
        adjust: (inout AgentConfiguration) -> Void = { _ in }, _ body: () async throws -> Void
    ) async throws {
        var configuration = AgentConfiguration(
            server: server.url, tokenFile: tokenPath, stateDirectory: "\(folder)/state", host: "web-1")
        // On a clock that is faster than the machine.
        configuration.flushDeadline = .seconds(60)
        adjust(&configuration)
        let agent = Agent(
            configuration, clocks: AgentClocks(clock: clock, waitsOnThreads: waitsOnThreads, now: Timestamp.now),
            files: files, logger: quietLogger)
        let group = ServiceGroup(
            configuration: .init(
                services: [.init(service: agent, successTerminationBehavior: .gracefullyShutdownGroup)],
                logger: quietLogger))
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            do { try await body() } catch {
                await group.triggerGracefulShutdown()
                throw error
            }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }

    deinit {
        remove(folder)
    }

    private func remove(_ folder: String) {
        for name in (try? LinuxHostFiles().list(folder)) ?? [] where unlink("\(folder)/\(name)") != 0 {
            remove("\(folder)/\(name)")
        }
        rmdir(folder)
    }
}

/// A server and an agent's surroundings, for the time of `body`.
func withServer(
    _ server: FakeServer = FakeServer(), clock: any Clock<Duration> = FastClock(), waitsOnThreads: Bool = false,
    _ body: (FakeServer, AgentHarness) async throws -> Void
) async throws {
    try await server.serving {
        let harness = try AgentHarness(server, clock: clock, waitsOnThreads: waitsOnThreads)
        try await body(server, harness)
    }
}

/// Waits until `condition` holds; records an issue where it does not within ten seconds.
func eventually(
    _ what: Comment, within limit: Duration = .seconds(10), sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () async throws -> Bool
) async throws {
    let deadline: ContinuousClock.Instant = .now + limit
    while ContinuousClock.now < deadline {
        if try await condition() { return }
        try await Task.sleep(for: .milliseconds(10))
    }
    Issue.record("did not happen in time: \(what)", sourceLocation: sourceLocation)
    throw CancellationError()
}

private let decoder = ResourceDecoder(sha256: Digests.sha256)

/// A Collector as the server sends it.
func collector(_ name: String, _ source: String, every interval: String, priority: Int = 0) -> AgentConfig.Item {
    var spec: [String: JSONValue] = ["source": .string(source), "interval": .string(interval)]
    if priority != 0 { spec["priority"] = .integer(priority) }
    guard case .success(let decoded) = decoder.resource(kind: .collector, name: name, spec: .object(spec)) else {
        preconditionFailure("a test's collector has to be valid")
    }
    return AgentConfig.Item(
        kind: "Collector", name: name, spec: decoded.resource.spec, digest: decoded.resource.digest)
}

/// A LogSource as the server sends it.
func logSource(_ name: String, _ files: [String], _ more: [String: JSONValue] = [:]) -> AgentConfig.Item {
    logSource(name, ["files": .array(files.map(JSONValue.string))].merging(more) { _, own in own })
}

func logSource(_ name: String, containers: [String]) -> AgentConfig.Item {
    logSource(name, ["containers": .array(containers.map(JSONValue.string))])
}

func logSource(_ name: String, _ spec: [String: JSONValue]) -> AgentConfig.Item {
    guard case .success(let decoded) = decoder.resource(kind: .logSource, name: name, spec: .object(spec)) else {
        preconditionFailure("a test's log source has to be valid")
    }
    return AgentConfig.Item(
        kind: "LogSource", name: name, spec: decoded.resource.spec, digest: decoded.resource.digest)
}

func config(
    _ generation: Int, _ items: [AgentConfig.Item], resyncNumber: Int = 0, resync: [String] = []
) -> AgentConfig {
    AgentConfig(
        storeId: "store-1", generation: generation,
        digest: RunningSet(items, decoder: decoder, sha256: Digests.sha256).digest, resources: items,
        resyncNumber: resyncNumber, resync: resync)
}
