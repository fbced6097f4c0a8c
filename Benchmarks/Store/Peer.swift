import Glibc
import Runtime

/// A program of somebody else that is measured beside ours.
final class Peer: Sendable {
    let name: String
    let process: pid_t
    let url: String
    let folder: String

    init(name: String, process: pid_t, url: String, folder: String) {
        self.name = name
        self.process = process
        self.url = url
        self.folder = folder
    }

    /// VictoriaMetrics as its package has it; queries see what was sent a moment ago.
    static func victoriaMetrics(_ program: String, in parent: String) async throws -> Peer {
        let folder: String = try BenchPlatform.temporaryFolder(in: parent)
        return try await start("VictoriaMetrics", program, folder, health: "/health") { port in
            [
                "-storageDataPath=\(folder)/data", "-httpListenAddr=127.0.0.1:\(port)", "-retentionPeriod=12",
                "-search.latencyOffset=0s", "-loggerLevel=ERROR",
            ]
        }
    }

    static func prometheus(_ program: String, in parent: String) async throws -> Peer {
        let folder: String = try BenchPlatform.temporaryFolder(in: parent)
        try Files.write("global: {}\n".utf8, to: "\(folder)/prometheus.yml")
        return try await start("Prometheus", program, folder, health: "/-/ready") { port in
            [
                "--config.file=\(folder)/prometheus.yml", "--storage.tsdb.path=\(folder)/data",
                "--web.listen-address=127.0.0.1:\(port)", "--web.enable-remote-write-receiver",
                "--web.enable-admin-api", "--log.level=error",
            ]
        }
    }

    static func start(
        _ name: String, _ program: String, _ folder: String, health: String, arguments: (UInt16) -> [String]
    ) async throws -> Peer {
        let port: UInt16 = try BenchPlatform.freePort()
        let process: pid_t = try spawn([program] + arguments(port), log: "\(folder)/log")
        let peer = Peer(name: name, process: process, url: "http://127.0.0.1:\(port)", folder: folder)
        for _ in 0..<600 {
            if (try? await Sender.get(peer.url + health)) != nil { return peer }
            try await Task.sleep(for: .milliseconds(100))
        }
        peer.stop()
        throw BenchError("\(name) is not ready after a minute; see \(folder)/log")
    }

    static func spawn(_ arguments: [String], log: String) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        var words: [UnsafeMutablePointer<CChar>?] = unsafe arguments.map { unsafe strdup($0) } + [nil]
        defer { for word in unsafe words { unsafe free(word) } }
        var process: pid_t = 0
        let status: Int32 = unsafe posix_spawn(&process, arguments[0], &actions, nil, &words, environ)
        guard status == 0 else {
            throw BenchError("cannot start \(arguments[0]): \(String(cString: strerror(status)))")
        }
        return process
    }

    var processorSeconds: Double { ProcessorTime.seconds(ofTree: process) }

    /// Also removes its folder.
    func stop() {
        kill(process, SIGKILL)
        var status: Int32 = 0
        waitpid(process, &status, 0)
        do { try Files.removeTree(folder) } catch { print("\(error)") }
    }
}
