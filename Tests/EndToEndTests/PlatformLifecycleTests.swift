import AsyncHTTPClient
import Declarations
import Foundation
import NIOCore
import NIOHTTP1
import Telemetry
import Testing

/// What a platform lives through: stops, kills, second starts, odd places. Every test has one of its own.
@Suite(.serialized) struct PlatformLifecycleTests {
    /// Runs `body` with a platform; shows what it said when something is wrong, and removes it.
    func withPlatform(in folder: URL? = nil, _ body: (inout Platform) async throws -> Void) async throws {
        var platform: Platform = try await Platform.start(in: folder)
        do { try await body(&platform) } catch {
            Issue.record("\(error)\n--- plumb up:\n\(platform.log.suffix(4000))")
        }
        try await platform.dispose()
    }

    // MARK: Stopping

    // Shows F-OP-02, F-SV-19
    @Test(.timeLimit(.minutes(6)), arguments: [SIGINT, SIGTERM])
    func `a signal stops everything in order within ten seconds and loses nothing that was acknowledged`(
        signal: Int32
    ) async throws {
        try await withPlatform { platform in
            let stream = try await SampleStream(platform, host: "ghost")
            _ = try await eventually("samples are acknowledged") { await stream.acknowledged.count >= 20 ? true : nil }
            let started: Set<ProcessIdentity> = platform.descendants
            #expect(started.count >= 6, "server, agent, gitops-sync, PostgreSQL and its lifeline: \(started)")

            let seconds: Double = try await platform.stop(signal)
            let acknowledged: [Int] = await stream.finish()
            #expect(seconds < 10)
            #expect(started.filter(\.isAlive).isEmpty)
            #expect(ProcessIdentity.commands(in: platform.dataDirectory) == [])
            let lastLine: Substring? = try platform.programLog("postgres").split(separator: "\n").last
            #expect(lastLine?.hasSuffix("database system is shut down") == true)
            #expect(!FileManager.default.fileExists(atPath: platform.dataDirectory.path + "/run.json"))

            platform = try await platform.restarted()
            let databaseLog: String = try platform.programLog("postgres")
            #expect(!databaseLog.contains("not properly shut down"))
            #expect(!platform.log.contains("did not stop in order"))
            let stored: Set<Int> = try await SampleStream.stored(platform, host: "ghost")
            #expect(Set(acknowledged).subtracting(stored).isEmpty)
        }
    }

    // Shows F-OP-13
    @Test(.timeLimit(.minutes(6)))
    func `a killed platform takes its children along, and the next start is clean`() async throws {
        try await withPlatform { platform in
            let stream = try await SampleStream(platform, host: "ghost")
            _ = try await eventually("samples are acknowledged") { await stream.acknowledged.count >= 20 ? true : nil }
            let first: Set<ProcessIdentity> = platform.descendants
            kill(platform.processIdentifier, SIGKILL)
            let acknowledged: [Int] = await stream.finish()

            // At once, while the children may still be ending.
            _ = try await eventually("plumb up is gone") { platform.isRunning ? nil : true }
            platform = try await platform.restarted()
            #expect(first.filter(\.isAlive).isEmpty)
            #expect(platform.log.contains("did not stop in order"))
            let stored: Set<Int> = try await SampleStream.stored(platform, host: "ghost")
            #expect(Set(acknowledged).subtracting(stored).isEmpty)
            try await worksAgain(platform)

            let second: Set<ProcessIdentity> = platform.descendants
            kill(platform.processIdentifier, SIGKILL)
            try await second.waitForEnd(within: 20)
            #expect(ProcessIdentity.commands(in: platform.dataDirectory) == [])
            platform = try await platform.restarted()
            try await worksAgain(platform)
        }
    }

    // Shows F-OP-13
    @Test(.timeLimit(.minutes(8)))
    func `whatever is killed comes back by itself, and the platform goes on`() async throws {
        try await withPlatform { platform in
            let stream = try await SampleStream(platform, host: "ghost")
            _ = try await eventually("samples are acknowledged") { await stream.acknowledged.count >= 20 ? true : nil }
            let acknowledged: [Int] = await stream.finish()

            for name in ["server", "agent", "gitops-sync"] {
                try await platform.killChild(name)
                try await worksAgain(platform)
                #expect(platform.log.contains("\(name) ended (signal 9); it starts again"))
            }
            try await platform.killChild("postgres", process: try platform.postmaster())
            try await worksAgain(platform)
            let stored: Set<Int> = try await SampleStream.stored(platform, host: "ghost")
            #expect(Set(acknowledged).subtracting(stored).isEmpty)
        }
    }

    /// Everything answers, the agent ships, drift is corrected: nobody helped.
    private func worksAgain(_ platform: Platform) async throws {
        let now = Timestamp(seconds: Date().timeIntervalSince1970)
        _ = try await eventually("plumb status is content", within: 90) {
            try await platform.plumb("status").status == 0 ? true : nil
        }
        _ = try await eventually("the agent ships", within: 90) {
            let answer: JSONValue = try await platform.get("/api/v1/query?query=node_load1%5B5m%5D")
            let last: JSONValue? = answer["data"]?["result"]?.array?.first?["values"]?.array?.last
            return (last?.array?.first?.number ?? 0) > now.seconds ? true : nil
        }
        try await platform.operatorSQL(Drift.retention("77d"))
        _ = try await eventually("drift is corrected", within: 90) {
            try await platform.resource("Retention", "metrics")?["spec"]?["keep"]?.string == "30d" ? true : nil
        }
        _ = try await eventually("drift says none", within: 90) {
            try await platform.gitopsSync("drift").status == 0 ? true : nil
        }
    }

    // MARK: Starting

    @Test(.timeLimit(.minutes(4)))
    func `a second start on the same directory, or on a busy port, is refused and disturbs nothing`() async throws {
        try await withPlatform { platform in
            let running: Set<ProcessIdentity> = try platform.children()
            let record: URL = platform.dataDirectory.appendingPathComponent("run.json")
            let before: String = try String(contentsOf: record, encoding: .utf8)

            let second: Finished = try await platform.plumb("up", "--port", "\(try freePort())")
            #expect(second.status == 1)
            #expect(second.errors.contains("process \(platform.processIdentifier)"), "\(second.all)")
            #expect(second.errors.contains(platform.url), "\(second.all)")

            let other: URL = platform.folder.appendingPathComponent("other")
            let busy: Finished = try await run(
                Programs.path("plumb"), ["up", "--data-dir", other.path, "--port", "\(platform.port)"])
            #expect(busy.status == 1)
            #expect(busy.errors.contains("port \(platform.port)"), "\(busy.all)")
            #expect(busy.errors.contains("--port"), "\(busy.all)")
            #expect(ProcessIdentity.commands(in: other) == [])

            #expect(platform.isRunning)
            #expect(running.filter(\.isAlive) == running)
            #expect(try String(contentsOf: record, encoding: .utf8) == before)
            #expect(try await platform.plumb("status").status == 0)
        }
    }

    @Test(.timeLimit(.minutes(4)))
    func `a deep data directory works`() async throws {
        let top: URL = try Platform.temporaryFolder()
        let names: [String] = (1...4).map { "\($0)-" + String(repeating: "deep", count: 12) }
        let folder: URL = names.reduce(top) { $0.appendingPathComponent($1) }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        #expect(folder.path.utf8.count > 150)
        try await withPlatform(in: folder) { platform in
            // The push goes through the hooks and the control socket of gitops-sync, the drift through PostgreSQL's.
            try await platform.commit(["retentions/metrics.yaml": Drift.retentionManifest("40d")], message: "Keep more")
            let push: Finished = try await platform.push()
            #expect(push.status == 0)
            #expect(push.all.contains("applied"), "\(push.all)")
            try await platform.operatorSQL(Drift.retention("77d"))
            _ = try await eventually("drift is corrected") {
                try await platform.resource("Retention", "metrics")?["spec"]?["keep"]?.string == "40d" ? true : nil
            }
        }
        try FileManager.default.removeItem(at: top)
    }

    @Test(.timeLimit(.minutes(4)), .enabled(if: geteuid() == 0, "only root runs PostgreSQL as somebody else"))
    func `a data directory that PostgreSQL cannot reach is named, and works all the same`() async throws {
        let top: URL = try Platform.temporaryFolder()
        let closed: URL = top.appendingPathComponent("closed")
        try FileManager.default.createDirectory(at: closed, withIntermediateDirectories: false)
        try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: closed.path)
        var cluster = ""
        try await withPlatform(in: closed) { platform in
            #expect(platform.log.contains("\(closed.path) (mode 0700) is closed to user postgres"), "\(platform.log)")
            cluster = try FileManager.default.destinationOfSymbolicLink(
                atPath: platform.dataDirectory.appendingPathComponent("postgres").path)
            #expect(try await platform.operatorSQL("SELECT current_user") == "operator\n")
        }
        try #require(cluster.hasPrefix("/var/lib/plumbline/"))
        try FileManager.default.removeItem(at: URL(fileURLWithPath: cluster).deletingLastPathComponent())
        try FileManager.default.removeItem(at: top)
    }

    // MARK: The operator's commands

    // Shows F-SV-15
    @Test(.timeLimit(.minutes(4)))
    func `the login link opens the pages once, and the commands print what they promise`() async throws {
        try await withPlatform { platform in
            try await theLinkWorksOnce(platform)
            try await theCommandsPrint(platform)
        }
    }

    private func theLinkWorksOnce(_ platform: Platform) async throws {
        let host: String = try await eventually("a host is there", within: 60) {
            try await platform.get("/api/v1/hosts")["hosts"]?.array?.first?["host"]?.string
        }
        let browser = Browser()
        for page in ["/", "/drift", "/config", "/hosts/\(host)"] {
            let answer: Browser.Answer = try await browser.get(platform.url + page)
            #expect(answer.status == 303 && answer.location == "/login", "\(page): \(answer)")
        }
        #expect(try await platform.request(.GET, "/api/v1/hosts").status == 401)

        let link: Substring = try #require(platform.log.split(separator: " ").first { $0.contains("/login?code=") })
        let address: String = link.split(separator: "\n").first.map(String.init) ?? ""
        let answer: Browser.Answer = try await browser.get(address)
        let cookie: String = try #require(answer.cookie)
        #expect(answer.status == 303 && answer.location == "/")
        #expect(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"))
        let session: String = cookie.split(separator: ";").first.map(String.init) ?? ""
        for page in ["/", "/drift", "/config", "/hosts/\(host)"] {
            let answer: Browser.Answer = try await browser.get(platform.url + page, cookie: session)
            #expect(answer.status == 200, "\(page): \(answer)")
            if page == "/" { #expect(answer.body.contains(host)) }
        }

        let again: Browser.Answer = try await browser.get(address)
        #expect(again.status == 403)
        #expect(again.cookie == nil)
        try await browser.close()
    }

    private func theCommandsPrint(_ platform: Platform) async throws {
        let token: Finished = try await platform.plumb("token", "--subject", "me", "--scope", "query")
        #expect(token.status == 0)
        #expect(token.output.split(separator: "\n").count == 1)
        let text: String = token.output.trimmingCharacters(in: .whitespacesAndNewlines)
        #expect(try await platform.request(.GET, "/api/v1/hosts", token: text).status == 200)
        #expect(try await platform.request(.GET, "/v1/config", token: text).status == 403)

        _ = try await eventually("plumb query prints a value", within: 60) {
            let query: Finished = try await platform.plumb("query", "node_load1")
            return query.status == 0 && query.output.contains("node_load1{") ? true : nil
        }
        let wrong: Finished = try await platform.plumb("query", "sum(node_load1")
        #expect(wrong.status == 1)
        #expect(wrong.output.isEmpty)
        #expect(wrong.errors.contains("1:15"), "where the expression is wrong: \(wrong.errors)")

        let hosts: Finished = try await platform.plumb("hosts", "--output", "json")
        let parsed = try JSONValue(parsing: hosts.output)
        #expect(parsed["hosts"]?.array?.first?["status"]?.string == "ok")
        #expect(try await platform.operatorSQL("SELECT current_user") == "operator\n")

        let status: Finished = try await platform.plumb("status")
        #expect(status.status == 0)
        for word in ["postgres", "server", "agent", "gitops-sync", platform.url, "ready"] {
            #expect(status.output.contains(word))
        }
        #expect(try await platform.plumb("down").status == 0)
        #expect(!platform.isRunning)
        let stopped: Finished = try await platform.plumb("status")
        #expect(stopped.status == 1)
        #expect(stopped.output.contains("nothing runs"))
    }
}

extension Platform {
    fileprivate func children() throws -> Set<ProcessIdentity> {
        Set(try ["postgres", "server", "proxy", "agent", "gitops-sync", "page"].compactMap { try child($0).process })
    }
}

/// GET with a cookie, and without following where an answer leads.
private struct Browser {
    struct Answer {
        var status: UInt
        var location: String?
        var cookie: String?
        var body: String
    }

    private let client: HTTPClient

    init() {
        client = HTTPClient(
            eventLoopGroupProvider: .singleton, configuration: .init(redirectConfiguration: .disallow))
    }

    func get(_ url: String, cookie: String? = nil) async throws -> Answer {
        var request = HTTPClientRequest(url: url)
        request.headers.add(name: "Accept", value: "text/html")
        if let cookie { request.headers.add(name: "Cookie", value: cookie) }
        let response: HTTPClientResponse = try await client.execute(request, timeout: .seconds(15))
        let body: ByteBuffer = try await response.body.collect(upTo: 4 << 20)
        return Answer(
            status: response.status.code, location: response.headers.first(name: "Location"),
            cookie: response.headers.first(name: "Set-Cookie"), body: String(buffer: body))
    }

    func close() async throws { try await client.shutdown() }
}
