import Declarations
import Foundation
import Testing

/// What stands still when its parts do: git, the server, the database, the proxy; each alone and all together.
@Suite(.serialized) struct OfflineTests {
    /// Short waits, and a webhook for while the server is away.
    private func environment(_ folder: URL, _ sink: WebhookSink) throws -> [String: String] {
        let file: URL = folder.appendingPathComponent("webhook")
        try "\(sink.url("/fallback"))\n".write(to: file, atomically: true, encoding: .utf8)
        return Platform.hurried.merging([
            "PLUMB_FETCH_TIMEOUT": "3s", "PLUMB_VERIFY_TIMEOUT": "3s", "PLUMB_INTERVAL": "2s",
            "PLUMB_FALLBACK_WEBHOOK_FILE": file.path, "PLUMB_FALLBACK_AFTER": "2s",
        ]) { _, own in own }
    }

    // Shows F-GO-09, F-OP-13
    @Test(.timeLimit(.minutes(12)))
    func `each part away alone and all together loses nothing, deletes nothing, and comes back without help`()
        async throws
    {
        let folder: URL = try Platform.temporaryFolder()
        let sink = try await WebhookSink()
        let platform: Platform = try await Platform.start(environment: try environment(folder, sink), in: folder)
        do {
            try await platform.untilInSync()
            let house = try await House(platform)
            try await gitAway(platform)
            try await proxyAway(platform)
            try await serverAway(platform, sink)
            try await databaseAway(platform)
            try await allAway(platform)
            try await house.stands()
            try await reportsArrive(platform)
        } catch {
            Issue.record("\(error)\n--- plumb up:\n\(platform.log.suffix(4000))")
        }
        try await platform.dispose()
        try await sink.close()
    }

    private func gitAway(_ platform: Platform) async throws {
        let away = try platform.hideGit()
        _ = try await eventually("a run cannot fetch", within: 60) { () -> Bool? in
            try await platform.lastRun()?["outcome"] == "incomplete" ? true : nil
        }
        try await platform.drifts("77d")
        _ = try await eventually("drift is corrected without git", within: 60) { () -> Bool? in
            try await platform.keep() == "30d" ? true : nil
        }
        try away()
        try await platform.untilInSync()
    }

    private func proxyAway(_ platform: Platform) async throws {
        let frozen = try Frozen(platform, "proxy")
        _ = try await eventually("the proxy is unknown", within: 60) { () -> Bool? in
            try await platform.target("proxy")?["state"] == "unknown" ? true : nil
        }
        try await platform.drifts("78d")
        _ = try await eventually("drift of the server is corrected meanwhile", within: 60) { () -> Bool? in
            try await platform.keep() == "30d" ? true : nil
        }
        frozen.thaw()
        try await platform.untilInSync()
    }

    private func serverAway(_ platform: Platform, _ sink: WebhookSink) async throws {
        let before: Int = sink.deliveries(at: "/fallback").count
        let frozen = try Frozen(platform, "server")
        _ = try await eventually("the server is unknown", within: 60) { () -> Bool? in
            try await platform.target("server")?["state"] == "unknown" ? true : nil
        }
        // A commit that comes meanwhile waits.
        try await platform.commitPastTheHook("31d")
        _ = try await eventually("people are told by another way", within: 60) { () -> Bool? in
            sink.deliveries(at: "/fallback").count > before ? true : nil
        }
        #expect(try await platform.lastRun()?["outcome"] == "incomplete")
        frozen.thaw()
        _ = try await eventually("the commit that waited is applied", within: 60) { () -> Bool? in
            try await platform.keep() == "31d" ? true : nil
        }
        try await platform.untilInSync()
        let told: [String] = sink.deliveries(at: "/fallback").dropFirst(before).map {
            "\($0.body["rule"]?.string ?? "?") \($0.body["event"]?.string ?? "?")"
        }
        #expect(told == ["gitops.serverAway firing", "gitops.serverAway resolved"])
        try await platform.commitPastTheHook("30d")
        _ = try await eventually("it is as before", within: 60) { try await platform.keep() == "30d" ? true : nil }
    }

    private func databaseAway(_ platform: Platform) async throws {
        let frozen = try Frozen(postgres: platform)
        _ = try await eventually("nothing can be read", within: 60) { () -> Bool? in
            let (server, proxy) = (try await platform.target("server"), try await platform.target("proxy"))
            return server?["state"] == "unknown" && proxy?["state"] == "unknown" ? true : nil
        }
        frozen.thaw()
        try await platform.untilInSync()
    }

    private func allAway(_ platform: Platform) async throws {
        let git = try platform.hideGit()
        let frozen: [Frozen] = [
            try Frozen(platform, "server"), try Frozen(platform, "proxy"), try Frozen(postgres: platform),
        ]
        _ = try await eventually("nothing is known", within: 60) { () -> Bool? in
            let run: JSONValue? = try await platform.lastRun()
            return run?["targets"]?.array?.allSatisfy { $0["state"] == "unknown" } == true ? true : nil
        }
        // Back in another order than it went.
        frozen[1].thaw()
        try git()
        frozen[0].thaw()
        frozen[2].thaw()
        try await platform.untilInSync()
        try await platform.drifts("79d")
        _ = try await eventually("drift is corrected as ever", within: 60) { () -> Bool? in
            try await platform.keep() == "30d" ? true : nil
        }
    }

    /// What was written on the machine meanwhile is on the server: every record, once.
    private func reportsArrive(_ platform: Platform) async throws {
        let history: Finished = try await platform.gitopsSync("history", "--limit", "1000", "--output", "json")
        let own: [JSONValue] = try JSONValue(parsing: history.output)["reports"]?.array ?? []
        #expect(own.contains { $0["outcome"] == "incomplete" })
        _ = try await eventually("every report arrives", within: 90) { () -> Bool? in
            let stored: [JSONValue] = try await platform.get("/api/v1/reports?limit=200")["reports"]?.array ?? []
            let ids: [String] = stored.compactMap { $0["id"]?.string }
            guard Set(ids).count == ids.count else { throw ShellError(description: "a report is there twice") }
            let missing = Set(own.compactMap { $0["id"]?.string }).subtracting(ids)
            if own.count <= 200, missing.isEmpty { return true }
            throw ShellError(description: "\(missing.count) of \(own.count) are missing: \(missing.sorted())")
        }
    }
}

/// What is stored, to be held against what is stored later.
private struct House {
    let platform: Platform
    let digest: String?
    let count: Int

    init(_ platform: Platform) async throws {
        self.platform = platform
        let config: JSONValue = try await platform.get("/v1/config")
        digest = config["digest"]?.string
        count = config["resources"]?.array?.count ?? 0
    }

    func stands() async throws {
        let config: JSONValue = try await platform.get("/v1/config")
        #expect(config["digest"]?.string == digest)
        #expect(config["resources"]?.array?.count == count)
        let deleted: String = try await platform.operatorSQL(
            "SELECT count(*) FROM audit WHERE operation IN ('delete', 'truncate')")
        #expect(deleted.trimmingCharacters(in: .whitespacesAndNewlines) == "0")
    }
}

/// Processes that stand still: connections to them hang, which is worse than a refusal.
private struct Frozen {
    private let processes: [ProcessIdentity]

    init(_ platform: Platform, _ name: String) throws {
        guard let process = try platform.child(name).process else { throw ShellError(description: "no \(name) runs") }
        self.init([process])
    }

    init(postgres platform: Platform) throws {
        let main: ProcessIdentity = try platform.postmaster()
        self.init([main] + main.descendants)
    }

    private init(_ processes: [ProcessIdentity]) {
        self.processes = processes
        for process in processes { kill(process.number, SIGSTOP) }
    }

    func thaw() { for process in processes.reversed() where process.isAlive { kill(process.number, SIGCONT) } }
}

extension Platform {
    /// The newest record of the log on the machine.
    fileprivate func lastRun() async throws -> JSONValue? {
        let history: Finished = try await gitopsSync("history", "--limit", "1", "--output", "json")
        return try JSONValue(parsing: history.output)["reports"]?.array?.first
    }

    fileprivate func target(_ name: String) async throws -> JSONValue? {
        try await lastRun()?["targets"]?.array?.first { $0["name"]?.string == name }
    }

    fileprivate func untilInSync() async throws {
        _ = try await eventually("everything is in sync", within: 90) { () -> Bool? in
            guard let run = try await lastRun() else { return nil }
            guard run["outcome"] == "inSync", run["targets"]?.array?.allSatisfy({ $0["state"] == "inSync" }) == true
            else { throw ShellError(description: "\(run.canonicalText.prefix(2000))") }
            return true
        }
    }

    fileprivate func keep() async throws -> String? {
        try await resource("Retention", "metrics")?["spec"]?["keep"]?.string
    }

    fileprivate func drifts(_ keep: String) async throws {
        try await operatorSQL(
            "UPDATE resources SET spec = jsonb_set(spec, '{keep}', '\"\(keep)\"') WHERE kind = 'Retention' AND name = 'metrics'"
        )
    }

    /// A commit that reaches the branch without the hooks, which would wait for a run.
    fileprivate func commitPastTheHook(_ keep: String) async throws {
        let path = "retentions/metrics.yaml"
        let text: String = try String(contentsOf: clone.appendingPathComponent(path), encoding: .utf8)
        let changed: String = text.replacing(/keep: [0-9]+d/) { _ in "keep: \(keep)" }
        try await commit([path: changed], message: "Keep \(keep)\n\nPlumbline-Allow: retention")
        try await require(
            "git", ["fetch", "-q", clone.path, "+HEAD:main"], in: dataDirectory.appendingPathComponent("config.git"))
    }

    /// Takes the config repository away; the answer brings it back.
    fileprivate func hideGit() throws -> () throws -> Void {
        let place: URL = dataDirectory.appendingPathComponent("config.git")
        let elsewhere: URL = dataDirectory.appendingPathComponent("config.git.away")
        try FileManager.default.moveItem(at: place, to: elsewhere)
        return { try FileManager.default.moveItem(at: elsewhere, to: place) }
    }
}
