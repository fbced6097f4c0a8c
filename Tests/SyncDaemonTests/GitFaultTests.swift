import Declarations
import GitStore
import Glibc
import Reconciliation
import SyncDaemon
import TestSupport
import Testing

/// What remotes, networks, disks and processes can do to a fetch. Whatever it is: the fetch ends within its deadline, no
/// process stays, drift is corrected to the old commit in the same run, and the new commit is taken once the fault is
/// over.
@Suite(.serialized) struct GitFaultTests {
    private let fixture: SyncFixture
    /// The commit that was accepted before the fault.
    private let good: String

    init() async throws {
        fixture = try await SyncFixture()
        good = try await fixture.repository.commit(["r.yaml": retentionText("30d")])
        let report = await (try fixture.reconciler()).run(.startup, fetches: true)
        try #require(report.outcome == .applied)
    }

    /// Room for the rest of a run on a machine that does other things too; of a fetch alone the promise is one second.
    private static let slack: Duration = .seconds(8)

    /// Accepts a commit, meets the fault while a newer commit and drift are there, and goes on without it.
    private func expectSafe(
        _ url: String, _ extra: String = "", deadline: Duration = .seconds(2), says: [String],
        worker: WorkerProgram? = nil, limits: GitLimits = GitLimits(), stateDirectory: String = "state",
        meanwhile: (@Sendable () async -> Void)? = nil, afterwards: () -> Void = {},
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let new: String = try await fixture.repository.commit(["r.yaml": retentionText("40d"), "g.yaml": groupText()])
        await fixture.target.edit(retention, ["dataset": "metrics", "keep": "1d"])
        let configuration = try fixture.configuration(
            "fetch: {timeout: \(deadline.components.seconds)s}\n\(extra)", url: url, stateDirectory: stateDirectory)
        var dependencies = try fixture.dependencies(configuration)
        let folder: String = dependencies.git.configuration.folder
        dependencies.git = GitStore(
            .init(
                folder: folder, worker: worker ?? dependencies.git.configuration.worker, fetchDeadline: deadline,
                limits: limits))
        let reconciler = try Reconciler(configuration, dependencies)
        let start: ContinuousClock.Instant = .now
        async let other: Void? = meanwhile?()
        let report = await reconciler.run(.timer, fetches: true)
        let span: Duration = .now - start
        await other

        let error: String = report.errors.first ?? ""
        #expect(says.contains { error.contains($0) }, "\(report.errors)", sourceLocation: sourceLocation)
        #expect(span < deadline + Self.slack, "\(span)", sourceLocation: sourceLocation)
        #expect(Self.workers(of: folder).isEmpty, sourceLocation: sourceLocation)
        #expect(report.commit?.id == good, sourceLocation: sourceLocation)
        #expect(report.changes.map(\.result) == [.applied], sourceLocation: sourceLocation)
        #expect(await fixture.target.spec(retention)?["keep"] == "30d", sourceLocation: sourceLocation)
        #expect(await fixture.target.spec(group) == nil, sourceLocation: sourceLocation)

        afterwards()
        let after = await (try fixture.reconciler(stateDirectory: stateDirectory)).run(.timer, fetches: true)
        #expect(after.commit?.id == new, "\(after.text(.plain))", sourceLocation: sourceLocation)
        #expect(await fixture.target.spec(group) != nil, sourceLocation: sourceLocation)
    }

    private static func workers(of folder: String) -> [String] {
        guard let stream = opendir("/proc") else { return [] }
        defer { closedir(stream) }
        var found: [String] = []
        while let entry = readdir(stream) {
            let name: String = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard pid_t(name) != nil, let file = fopen("/proc/\(name)/cmdline", "r") else { continue }
            defer { fclose(file) }
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count: Int = fread(&buffer, 1, buffer.count, file)
            let words = buffer.prefix(count).split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
            if words.contains("git-worker"), words.last == folder { found.append(name) }
        }
        return found
    }

    // Shows F-GO-01, F-GO-09, W-B-02
    @Test(
        arguments: [
            (.silence, ["no answer within 2 s"]), (.dripFeed, ["no answer within 2 s"]),
            (.resetWithinPack, ["reset", "early", "EOF", "unexpected"]),
            (.truncatedPack, ["early", "EOF", "pack", "unexpected"]),
            (.damagedPack, ["pack", "inflate", "zlib", "sent", "pkt-line"]),
            (.endlessRedirect, ["redirect"]),
        ] as [(GitFault, [String])])
    func aServerThatGoesWrongOnTheWire(fault: GitFault, words: [String]) async throws {
        let server = try GitHTTPServer(serving: fixture.repository.path, fault: fault)
        try await expectSafe(server.url(""), says: words)
    }

    /// A fetch alone, without the run around it. On a machine that does other things too one attempt of three is in time.
    // Shows F-GO-01
    @Test(arguments: [GitFault.silence, .dripFeed])
    func aFetchEndsWithinASecondOfItsDeadline(fault: GitFault) async throws {
        let server = try GitHTTPServer(serving: fixture.repository.path, fault: fault)
        let deadline: Duration = .seconds(2)
        let known = try fixture.dependencies(try fixture.configuration()).git.configuration
        let store = GitStore(
            .init(folder: known.folder, worker: known.worker, fetchDeadline: deadline, limits: GitLimits()))
        var spans: [Duration] = []
        while spans.count < 3, !spans.contains(where: { $0 <= deadline + .seconds(1) }) {
            let start: ContinuousClock.Instant = .now
            await #expect(throws: GitError.self) {
                try await store.fetch(GitRemote(url: server.url("")), branch: "main")
            }
            spans.append(.now - start)
        }
        #expect(spans.contains { $0 <= deadline + .seconds(1) }, "\(spans)")
        #expect(spans.allSatisfy { $0 >= deadline }, "\(spans)")
    }

    @Test func aPackBeyondTheLimit() async throws {
        try await fixture.repository.commitLocally(["noise.txt": Self.noise(bytes: 3 << 20)])
        let server = try GitHTTPServer(serving: fixture.repository.path)
        var limits = GitLimits()
        limits.receivedBytes = 1 << 20
        try await expectSafe(
            server.url(""), deadline: .seconds(20), says: ["sent more than 1048576 bytes"], limits: limits)
    }

    @Test func aWorkerThatIsKilled() async throws {
        let hole = try LocalListener.blackHole()
        let folder: String = fixture.folder("state/git")
        try await expectSafe("git://127.0.0.1:\(hole.port)/x", deadline: .seconds(30), says: ["ended by signal 9"]) {
            // The first worker of a run is the one that fetches.
            for _ in 0..<1000 {
                let found: [String] = Self.workers(of: folder)
                for worker in found { kill(pid_t(worker) ?? 0, SIGKILL) }
                guard found.isEmpty else { return }
                try? await Task.sleep(for: .milliseconds(10))
            }
        }
    }

    @Test(.enabled(if: TestSSHServer.program != nil, "needs sshd (Debian: openssh-server)"))
    func aServerWithAnotherHostKey() async throws {
        let server = try await TestSSHServer(program: TestSSHServer.program ?? "")
        try await expectSafe(
            server.url(fixture.repository.path),
            "credentials: {sshKeyFile: \(server.keyFile), knownHostsFile: \(server.wrongKnownHostsFile)}",
            deadline: .seconds(20), says: ["the key of 127.0.0.1 is not the one in"])
    }

    @Test(.enabled(if: SmallDisk.isPossible, "needs the right to mount"))
    func aDiskThatIsFull() async throws {
        let disk = try SmallDisk(fixture.folder("small"), size: "1m")
        defer { disk.unmount() }
        // Another state directory is another holder of the lease.
        await fixture.target.loseLease()
        _ = await (try fixture.reconciler(stateDirectory: "small")).run(.startup, fetches: true)
        try await fixture.repository.commitLocally(["noise.txt": Self.noise(bytes: 3 << 20)])
        try await expectSafe(
            fixture.repository.url, deadline: .seconds(20), says: ["space"], stateDirectory: "small",
            afterwards: { disk.grow(to: "64m") })
    }

    @Test(.enabled(if: SilentResolver.isPossible, "needs root: port 53 and a name space of mounts"))
    func aResolverThatNeverAnswers() async throws {
        let resolver = try SilentResolver(
            in: fixture.folder,
            running: try fixture.dependencies(try fixture.configuration()).git.configuration.worker.path)
        try await expectSafe(
            "https://git.example/config.git", says: ["no answer within 2 s"],
            worker: WorkerProgram(path: resolver.program))
    }

    private static func noise(bytes: Int) -> String {
        var random = SystemRandomNumberGenerator()
        return String(decoding: (0..<bytes).map { _ in UInt8.random(in: 32...126, using: &random) }, as: UTF8.self)
    }
}

/// A file system of a given size in memory.
private struct SmallDisk {
    let path: String

    static var isPossible: Bool {
        guard geteuid() == 0, let folder = try? TemporaryFolder(), let disk = try? SmallDisk(folder("x"), size: "64k")
        else { return false }
        disk.unmount()
        return true
    }

    init(_ path: String, size: String) throws {
        self.path = path
        mkdir(path, 0o700)
        guard mount("tmpfs", path, "tmpfs", 0, "size=\(size)") == 0 else { throw TestSupportError("cannot mount") }
    }

    func grow(to size: String) { mount("tmpfs", path, "tmpfs", UInt(MS_REMOUNT), "size=\(size)") }

    func unmount() { umount2(path, Int32(MNT_DETACH)) }
}

/// A program that runs another where names are asked for at a socket that nobody reads.
private final class SilentResolver: Sendable {
    let program: String
    private let socket: Int32
    private static let address = "127.53.7.1"

    static var isPossible: Bool {
        guard geteuid() == 0, system("unshare -m true 2>/dev/null") == 0 else { return false }
        guard let bound = bound() else { return false }
        close(bound)
        return true
    }

    init(in folder: TemporaryFolder, running path: String) throws {
        guard let bound = Self.bound() else { throw TestSupportError("cannot have port 53") }
        socket = bound
        let configuration: String = try folder.write(
            "nameserver \(Self.address)\noptions timeout:30 attempts:5\n", to: "resolv.conf", mode: 0o644)
        program = try folder.write(
            """
            #!/bin/sh
            exec unshare -m sh -c 'mount --bind \(configuration) /etc/resolv.conf && exec "\(path)" "$@"' sh "$@"

            """, to: "worker", mode: 0o700)
    }

    deinit { close(socket) }

    private static func bound() -> Int32? {
        let descriptor: Int32 = Glibc.socket(AF_INET, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = UInt16(53).bigEndian
        inet_pton(AF_INET, address, &name.sin_addr)
        let isBound: Bool = withUnsafePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        if isBound { return descriptor }
        close(descriptor)
        return nil
    }
}
