import AgentDaemon
import ConfigAPI
import Declarations
import Glibc
import HostSystem
import Runtime
import Telemetry
import TestSupport
import Testing

/// A host of three files: one that can be read, one that may not be, and nothing else.
private struct GuardedHostFiles: HostFiles {
    func read(_ path: String) throws(FileError) -> [UInt8] {
        switch path {
        case "/proc/loadavg": return Array("1 2 3 1/98 7\n".utf8)
        case "/proc/stat": return Array("cpu0 1 2 3 4\nprocs_running 3\nprocs_blocked 1\n".utf8)
        case "/proc/meminfo":
            throw FileError(path: path, operation: "read", reason: "Permission denied", code: EACCES)
        case "/proc/vmstat": return Array("pgfault many\n".utf8)
        default: throw FileError(path: path, operation: "read", reason: "No such file or directory", code: ENOENT)
        }
    }

    func list(_ path: String) throws(FileError) -> [String] {
        throw FileError(path: path, operation: "list", reason: "No such file or directory", code: ENOENT)
    }

    func space(ofFileSystemAt path: String) throws(FileError) -> FileSystemSpace {
        throw FileError(path: path, operation: "stat", reason: "No such file or directory", code: ENOENT)
    }
}

@Suite struct HostCheckTests {
    private func findings(
        _ resources: [AgentConfig.Item] = [], sockets: [String] = []
    ) async -> [String: HostCheck.Finding] {
        let check = await HostCheck(resources, files: GuardedHostFiles(), sockets: sockets, clock: ContinuousClock())
        #expect(!check.isGood)
        #expect(check.json["findings"]?.array?.count == check.findings.count)
        return Dictionary(check.findings.map { ($0.name, $0) }) { _, last in last }
    }

    @Test func eachCollectorIsReadableMissingForbiddenOrFailing() async throws {
        let found: [String: HostCheck.Finding] = await findings()
        #expect(found["load"]?.state == .readable)
        #expect(found["load"]?.count == 5)
        #expect(found["pressure"]?.state == .missing)
        #expect(found["vmstat"]?.state == .failing)
        #expect(found["vmstat"]?.details.first?.contains("pgfault many") == true)
        let memory: HostCheck.Finding = try #require(found["memory"])
        #expect(memory.state == .forbidden)
        let detail: String = try #require(memory.details.first)
        #expect(detail.hasPrefix("cannot read /proc/meminfo: Permission denied; "))
        // The file of this machine stands in for that of the host.
        #expect(detail.contains("it is root's, group root, mode 0444"))
    }

    @Test func filesOfLogSourcesAreOpened() async throws {
        let folder = try TemporaryFolder()
        try folder.write("line\n", to: "a.log")
        try folder.write("line\n", to: "b.log")
        let found: [String: HostCheck.Finding] = await findings([
            logSource("app", ["\(folder.path)/*.log"]), logSource("none", ["\(folder.path)/*.txt"]),
        ])
        #expect(found["app"]?.state == .readable)
        #expect(found["app"]?.count == 2)
        #expect(found["none"]?.state == .missing)
    }

    @Test func scrapeTargetsAreAskedAndSaidWhy() async throws {
        let listener = try LocalListener { connection in
            var room = [UInt8](repeating: 0, count: 4096)
            _ = read(connection, &room, room.count)
            let text = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 8\r\n\r\nup_a 1\n\n"
            _ = write(connection, Array(text.utf8), text.utf8.count)
        }
        let silent: Int = try LocalListener().port
        let found: [String: HostCheck.Finding] = await findings([
            scrapeTarget("there", "http://127.0.0.1:\(listener.port)/metrics"),
            scrapeTarget("away", "http://127.0.0.1:\(silent)/metrics"),
        ])
        #expect(found["there"]?.state == .readable)
        #expect(found["there"]?.count ?? 0 > 0)
        let away: HostCheck.Finding = try #require(found["away"])
        #expect(away.state == .failing)
        #expect(away.details.first?.contains("http://127.0.0.1:\(silent)/metrics has to answer") == true)
    }

    @Test func socketsOfEnginesAreAskedWhereTheyAre() async throws {
        let folder = try TemporaryFolder()
        try folder.write("", to: "docker.sock")
        let found: [String: HostCheck.Finding] = await findings(sockets: [folder("docker.sock"), folder("podman.sock")])
        #expect(found[folder("podman.sock")]?.state == .missing)
        let docker: HostCheck.Finding = try #require(found[folder("docker.sock")])
        #expect(docker.state == .failing)
        #expect(docker.details.first?.contains("is the engine running?") == true)
    }

    @Test func theTableSaysWhatAndWhy() async {
        let check = await HostCheck([], files: GuardedHostFiles(), sockets: [], clock: ContinuousClock())
        #expect(check.text.contains("\nload         readable   5 series\n"))
        #expect(
            check.text.contains("\nmemory       forbidden  0 series\n    cannot read /proc/meminfo: Permission denied"))
    }
}
