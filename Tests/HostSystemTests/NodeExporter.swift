import Exposition
import Glibc
import Telemetry
import TestSupport
import Testing

/// A real node_exporter on a port that the kernel chose, for the time of a test.
final class NodeExporter {
    private let folder: TemporaryFolder
    private let process: pid_t
    private let port: UInt16

    /// Debian's prometheus-node-exporter; `PLUMBLINE_TEST_NODE_EXPORTER` names another place. Nil where there is none.
    static var program: String? {
        let named: String? = getenv("PLUMBLINE_TEST_NODE_EXPORTER").map { String(cString: $0) }
        return [named, "/usr/bin/prometheus-node-exporter"].compactMap { $0 }.first { access($0, X_OK) == 0 }
    }

    /// Starts it. `root` is a folder that holds `proc` and `sys` of another host, or nothing.
    init(_ program: String, root: String? = nil, _ more: [String] = []) async throws {
        folder = try TemporaryFolder()
        let log: String = folder("log")
        let paths: [String] = root.map { ["--path.procfs=\($0)/proc", "--path.sysfs=\($0)/sys"] } ?? []
        let command: [String] = [program, "--web.listen-address=127.0.0.1:0"] + paths + more
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_addopen(&actions, 2, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var started: pid_t = 0
        guard posix_spawn(&started, program, &actions, nil, &arguments, environ) == 0 else {
            throw TestSupportError("cannot start \(program)")
        }
        process = started
        port = try await Self.port(log: log)
    }

    deinit {
        kill(process, SIGTERM)
        var status: Int32 = 0
        waitpid(process, &status, 0)
    }

    /// It says where it listens.
    private static func port(log: String) async throws -> UInt16 {
        let deadline: ContinuousClock.Instant = .now + .seconds(20)
        while ContinuousClock.now < deadline {
            let text: String = (try? content(of: log)) ?? ""
            for line in text.split(separator: "\n") where line.contains("Listening on") {
                if let port = line.split(separator: ":").last.flatMap({ UInt16($0) }) { return port }
            }
            try await Task.sleep(for: .milliseconds(20))
        }
        throw TestSupportError("node_exporter did not start: \((try? content(of: log)) ?? "")")
    }

    /// What it exposes now.
    struct Scrape {
        var values: [Series: Double] = [:]
        /// Names of counters.
        var counters: Set<String> = []
    }

    func scrape() throws -> Scrape {
        let answer: String = try ask()
        guard answer.hasPrefix("HTTP/1.0 200"), let start = answer.range(of: "\r\n\r\n") else {
            throw TestSupportError("node_exporter answered \(answer.prefix(200))")
        }
        let body: [UInt8] = Array(answer[start.upperBound...].utf8)
        var scrape = Scrape()
        for line in String(decoding: body, as: UTF8.self).split(separator: "\n") {
            let words: [Substring] = line.split(separator: " ")
            if words.count == 4, words[0] == "#", words[1] == "TYPE", words[3] == "counter" {
                scrape.counters.insert(String(words[2]))
            }
        }
        for result in ExpositionReader(body, format: .prometheus) {
            let line: ExposedLine = try result.get()
            scrape.values[try ExposedSeries.parse(line.series)] = line.value
        }
        return scrape
    }

    private func ask() throws -> String {
        let connection: Int32 = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(connection) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        address.sin_port = port.bigEndian
        let isConnected: Bool = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(connection, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard isConnected else { throw TestSupportError("cannot connect to node_exporter") }
        let request: [UInt8] = Array("GET /metrics HTTP/1.0\r\n\r\n".utf8)
        guard write(connection, request, request.count) == request.count else {
            throw TestSupportError("cannot ask node_exporter")
        }
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count: Int = read(connection, &buffer, buffer.count)
            if count <= 0 { break }
            answer += buffer[..<count]
        }
        return String(decoding: answer, as: UTF8.self)
    }

    private static func content(of path: String) throws -> String {
        guard let file = fopen(path, "r") else { throw TestSupportError("cannot read \(path)") }
        defer { fclose(file) }
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        let count: Int = fread(&buffer, 1, buffer.count, file)
        return String(decoding: buffer.prefix(count), as: UTF8.self)
    }
}

extension String {
    fileprivate func range(of text: String) -> Range<String.Index>? {
        guard !text.isEmpty else { return nil }
        var start: String.Index = startIndex
        while start < endIndex {
            if utf8[start...].starts(with: text.utf8) {
                return start..<(utf8.index(start, offsetBy: text.utf8.count))
            }
            start = utf8.index(after: start)
        }
        return nil
    }
}
