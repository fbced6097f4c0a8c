import AsyncHTTPClient
import Declarations
import Foundation
import NIOCore
import NIOHTTP1
import TestSupport

/// A whole platform, started with `plumb up` as a user starts it, in a folder of its own, with a clone of its config
/// repository.
final class Platform: Sendable {
    let folder: URL
    let dataDirectory: URL
    let clone: URL
    let url: String
    private let process: ChildProgram

    private init(folder: URL, dataDirectory: URL, clone: URL, url: String, process: ChildProgram) {
        self.folder = folder
        self.dataDirectory = dataDirectory
        self.clone = clone
        self.url = url
        self.process = process
    }

    /// Fast rounds, so that a scenario takes seconds.
    static let hurried: [String: String] = [
        "PLUMB_DRIFT_INTERVAL": "1s", "PLUMB_INTERVAL": "60s", "PLUMB_RETENTION_GRACE": "0s", "NO_COLOR": "1",
        // Servers are killed on purpose, again and again.
        "PLUMB_CRASH_LIMIT": "0",
    ]

    /// Starts a platform and waits until it says that it is ready. In the folder of an earlier one it is that platform
    /// again; then `port` should be what it was, which is what the bootstrap config of gitops-sync says.
    static func start(
        environment: [String: String] = hurried, in folder: URL? = nil, port: Int? = nil
    ) async throws -> Platform {
        let folder: URL = try folder ?? temporaryFolder()
        let data: URL = folder.appendingPathComponent("data")
        let port: Int = try port ?? freePort()
        let process: ChildProgram = try launch(data: data, port: port, environment: environment, log: folder)
        let url = "http://127.0.0.1:\(port)"
        let log: URL = folder.appendingPathComponent("up.log")
        do {
            _ = try await eventually("plumb up is ready", within: 90) {
                guard process.status == nil else {
                    throw ShellError(description: "plumb up ended: \(try String(contentsOf: log, encoding: .utf8))")
                }
                return try String(contentsOf: log, encoding: .utf8).contains("/login?") ? true : nil
            }
        } catch {
            process.signal(SIGTERM)
            throw ShellError(description: "\(error); it said: \((try? String(contentsOf: log, encoding: .utf8)) ?? "")")
        }
        let clone: URL = folder.appendingPathComponent("clone")
        let platform = Platform(folder: folder, dataDirectory: data, clone: clone, url: url, process: process)
        if !FileManager.default.fileExists(atPath: clone.path) {
            try await require("git", ["clone", "-q", data.appendingPathComponent("config.git").path, clone.path])
            try await platform.git("config", "user.name", "Ada Example")
            try await platform.git("config", "user.email", "ada@example.org")
        }
        return platform
    }

    static func temporaryFolder() throws -> URL {
        let folder: URL = FileManager.default.temporaryDirectory.appendingPathComponent(
            "plumb-e2e-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        // PostgreSQL runs as another user when the tests run as root, and has to reach the data below.
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder.path)
        return folder
    }

    private static func launch(
        data: URL, port: Int, environment: [String: String], log folder: URL
    ) throws -> ChildProgram {
        let log: URL = folder.appendingPathComponent("up.log")
        _ = FileManager.default.createFile(atPath: log.path, contents: nil)
        return try ChildProgram(
            Programs.path("plumb"), ["up", "--data-dir", data.path, "--port", "\(port)"], environment: environment,
            input: .nothing, output: log.path)
    }

    var processIdentifier: Int32 { process.number }
    var isRunning: Bool { process.status == nil }
    var log: String { (try? String(contentsOf: folder.appendingPathComponent("up.log"), encoding: .utf8)) ?? "" }

    var port: Int { URL(string: url)?.port ?? 0 }

    /// Asks it to stop as Ctrl-C does, or with another signal, and waits; gives the seconds that it took.
    @discardableResult
    func stop(_ signal: Int32 = SIGINT) async throws -> Double {
        let start = ContinuousClock.now
        if isRunning { kill(processIdentifier, signal) }
        _ = try await eventually("plumb up stops", within: 20) { isRunning ? nil : true }
        return Double((ContinuousClock.now - start).components.seconds)
            + Double((ContinuousClock.now - start).components.attoseconds) / 1e18
    }

    /// Starts it again after it stopped, on the same data and port.
    func restarted() async throws -> Platform { try await Self.start(in: folder, port: port) }

    /// Stops and removes everything.
    func dispose() async throws {
        try await stop()
        try FileManager.default.removeItem(at: folder)
    }

    // MARK: Git

    @discardableResult
    func git(_ arguments: String...) async throws -> String { try await require("git", arguments, in: clone) }

    /// Writes files into the clone (nil removes one) and commits them.
    func commit(_ files: [String: String?], message: String) async throws {
        try write(files)
        try await git("add", "-A")
        try await git("commit", "-q", "-m", message)
    }

    /// Writes files into the clone; nil removes one.
    func write(_ files: [String: String?]) throws {
        for (path, content) in files {
            let file: URL = clone.appendingPathComponent(path)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            if let content {
                try content.write(to: file, atomically: true, encoding: .utf8)
            } else {
                try FileManager.default.removeItem(at: file)
            }
        }
    }

    /// Pushes; gives git's exit status and all that it printed.
    func push() async throws -> Finished { try await run("git", ["push", "origin", "HEAD:main"], in: clone) }

    // MARK: Programs

    /// Runs `gitops-sync` with the platform's bootstrap config.
    func gitopsSync(_ arguments: String...) async throws -> Finished {
        let config: String = dataDirectory.appendingPathComponent("gitops-sync.yaml").path
        return try await run(Programs.path("gitops-sync"), arguments + ["--config", config])
    }

    func plumb(_ arguments: String...) async throws -> Finished {
        try await run(Programs.path("plumb"), arguments + ["--data-dir", dataDirectory.path])
    }

    /// SQL through `plumb psql`, as the role of people.
    @discardableResult
    func operatorSQL(_ sql: String) async throws -> String {
        try await require(
            Programs.path("plumb"),
            ["psql", "--data-dir", dataDirectory.path, "--", "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql])
    }

    // MARK: HTTP

    func token(_ name: String) throws -> String {
        let file: URL = dataDirectory.appendingPathComponent("tokens/\(name)")
        return try String(contentsOf: file, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    struct Answer: Sendable {
        var status: UInt
        var headers: HTTPHeaders
        var body: String
        var json: JSONValue { (try? JSONValue(parsing: body)) ?? .null }
    }

    func request(
        _ method: HTTPMethod, _ path: String, token: String? = nil, json: JSONValue? = nil,
        headers: [String: String] = [:]
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: url + path)
        request.method = method
        if let token { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let json {
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: json.canonical))
        }
        let response: HTTPClientResponse = try await HTTPClient.shared.execute(request, timeout: .seconds(15))
        let body: ByteBuffer = try await response.body.collect(upTo: 32 << 20)
        return Answer(status: response.status.code, headers: response.headers, body: String(buffer: body))
    }

    /// GET with the admin's token; the answer has to be a success.
    func get(_ path: String) async throws -> JSONValue {
        let answer: Answer = try await request(.GET, path, token: try token("admin"))
        guard answer.status == 200 else {
            throw ShellError(description: "GET \(path): \(answer.status) \(answer.body)")
        }
        return answer.json
    }

    /// A token for `subject`, minted as a user would.
    func mint(subject: String, scope: String, host: String? = nil) async throws -> String {
        var arguments = ["token", "--subject", subject, "--scope", scope, "--data-dir", dataDirectory.path]
        if let host { arguments += ["--host", host] }
        return try await require(Programs.path("plumb"), arguments).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// The samples of an instant query: labels and value.
    func query(_ expression: String) async throws -> [(labels: [String: String], value: Double)] {
        let encoded: String = expression.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        let answer: JSONValue = try await get("/api/v1/query?query=\(encoded)")
        return (answer["data"]?["result"]?.array ?? []).map { item in
            let labels: [String: String] = (item["metric"]?.object ?? [:]).compactMapValues(\.string)
            return (labels, Double(item["value"]?.array?.last?.string ?? "") ?? .nan)
        }
    }

    /// The last reports, newest first.
    func reports() async throws -> [JSONValue] {
        let answer: JSONValue = try await get("/api/v1/reports?limit=50")
        return answer["reports"]?.array ?? answer.array ?? []
    }

    /// The stored resource as `GET /v1/config` shows it.
    func resource(_ kind: String, _ name: String) async throws -> JSONValue? {
        let config: JSONValue = try await get("/v1/config")
        return config["resources"]?.array?.first { $0["kind"]?.string == kind && $0["name"]?.string == name }
    }
}
