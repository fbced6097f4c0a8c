import Declarations
import Glibc
import Operator
import PlatformClient
import Runtime

/// A real agent that reads a file which is filled as fast as the disk takes it: into a receiver that only counts, and into
/// a real server.
struct TailBenchmark: Sendable {
    let programs: Programs
    /// Where files are made.
    let parent: String
    let mebibytes: Int

    private struct Figures {
        var seconds: Double
        var processorSeconds: Double
        var memory: Memory
        /// Of the requests' bodies; nil where nobody counted.
        var sent: Int?
    }

    func run() async throws {
        print("\nTail: a file of \(mebibytes) MiB of each form, filled at full speed; the agent's own figures.")
        var table = MarkdownTable([
            "into", "form", "bytes/line", "MiB/s", "CPU s/GiB", "MiB/s per core", "peak RSS MiB", "sent/read",
        ])
        for form in LineForm.allCases {
            let receiver = try LineReceiver()
            defer { receiver.stop() }
            let folder: String = try BenchPlatform.temporaryFolder(in: parent)
            defer { try? Files.removeTree(folder) }
            let (figures, lines) = try await measure(form, in: folder, server: receiver.url, token: "none") {
                receiver.now.lines
            }
            var counted: Figures = figures
            counted.sent = receiver.now.bytes
            table.append(row("counter", form, lines: lines, counted))
            print("  \(form.rawValue): \((Double(mebibytes) / figures.processorSeconds).text(1)) MiB/s per core")
        }
        let counted: MarkdownTable = table
        try await BenchPlatform.with(programs, in: parent, environment: BenchPlatform.quiet) { platform in
            let answer: JSONValue = try await platform.client(token: "admin").json(
                .post, "/api/v1/tokens",
                body: ["subject": "tail", "scopes": ["ingest"], "host": "tail", "for": "2h"])
            guard let token = answer["token"]?.string else { throw BenchError("no token") }
            let form = LineForm.json
            let folder: String = try BenchPlatform.temporaryFolder(in: parent)
            defer { try? Files.removeTree(folder) }
            // What the server sends is obeyed instead of what the folder has. No other lines are counted, and no other agent
            // reads these.
            try await platform.commit(
                ["log-sources/system.yaml": manifest(folder)], message: "Read one file on one host")
            let (figures, lines) = try await measure(
                form, in: folder, server: platform.record.serverURL, token: token
            ) {
                let host: JSONValue? = try? await platform.client(token: "admin").json(.get, "/api/v1/hosts/tail")
                return host?["delivery"]?["lines"]?["stored"]?.integer ?? 0
            }
            var whole = counted
            whole.append(row("plumb-server", form, lines: lines, figures))
            print("\n" + whole.text)
        }
    }

    private func manifest(_ folder: String) -> String {
        """
        apiVersion: plumbline/v1
        kind: LogSource
        metadata:
          name: system
        spec:
          hosts:
            names:
              - tail
          files:
            - \(folder)/app.log

        """
    }

    private func row(_ into: String, _ form: LineForm, lines: Int, _ figures: Figures) -> [String] {
        let size = Double(mebibytes)
        return [
            into, form.rawValue, "\((mebibytes << 20) / lines)", (size / figures.seconds).text(1),
            (figures.processorSeconds / size * 1024).text(1), (size / figures.processorSeconds).text(1),
            "\(figures.memory.peak >> 20)",
            figures.sent.map { (Double($0) / Double(mebibytes << 20)).text(2) } ?? "",
        ]
    }

    /// Runs an agent until `arrived` says that every line is there.
    private func measure(
        _ form: LineForm, in folder: String, server: String, token: String, arrived: () async -> Int
    ) async throws -> (Figures, lines: Int) {
        let state = "\(folder)/state"
        try Files.createFolder(state, mode: 0o700)
        try Files.write(Array(token.utf8), to: "\(folder)/token")
        let config: JSONValue = [
            "resources": [
                ["kind": "LogSource", "name": "system", "spec": ["files": [.string("\(folder)/app.log")]]]
            ]
        ]
        try Files.write(config.canonical, to: "\(state)/config.json")
        try Files.write([], to: "\(folder)/app.log")
        let process: pid_t = try Peer.spawn(
            [
                programs.agent, "run", "--server", server, "--token-file", "\(folder)/token", "--state-dir", state,
                "--host", "tail",
            ], log: "\(folder)/agent.log")
        defer {
            kill(process, SIGKILL)
            var status: Int32 = 0
            waitpid(process, &status, 0)
        }
        let start: ContinuousClock.Instant = .now
        let lines: Int = try fill("\(folder)/app.log", form)
        let deadline: ContinuousClock.Instant = .now + .seconds(600)
        while await arrived() < lines {
            guard ContinuousClock.now < deadline else {
                let log: String = (try? Files.text("\(folder)/agent.log")) ?? ""
                throw BenchError("\(await arrived()) of \(lines) lines arrived in ten minutes: \(log.suffix(2000))")
            }
            try await Task.sleep(for: .milliseconds(20))
        }
        let figures = Figures(
            seconds: (ContinuousClock.now - start).inSeconds,
            processorSeconds: ProcessorTime.seconds(ofTree: process), memory: Memory(of: process))
        return (figures, lines)
    }

    /// Appends a MiB after the other; answers how many lines that is.
    private func fill(_ path: String, _ form: LineForm) throws -> Int {
        let (text, count) = form.lines(atLeast: 1 << 20)
        let descriptor: Int32 = open(path, O_WRONLY | O_APPEND | O_CLOEXEC)
        defer { close(descriptor) }
        for _ in 0..<mebibytes {
            guard write(descriptor, text, text.count) == text.count else { throw BenchError("cannot fill \(path)") }
        }
        return count * mebibytes
    }
}
