import Declarations
import Foundation
import NIOCore
import NIOPosix
import Testing

/// What gitops-sync does when it may not correct, cannot see who changed something, gets no answer from git, or is
/// shown another history.
extension PlatformLifecycleTests {
    // Shows F-GO-06, F-GO-07
    @Test(.timeLimit(.minutes(8)))
    func `drift is only reported where nobody wants it corrected, and corrected where nobody knows its author`()
        async throws
    {
        try await withPlatform { platform in
            try await platform.commit(
                [
                    "host-groups/all.yaml": Drift.hostGroupManifest(staleAfter: "2s"),
                    "collectors/load.yaml": Drift.loadManifest(interval: "1s"),
                ], message: "Be impatient")
            let push: Finished = try await platform.push()
            #expect(push.status == 0, "\(push.all)")
            let ghost = try await SampleStream(platform, host: "ghost")
            _ = try await eventually("a sample is acknowledged") { await ghost.acknowledged.isEmpty ? nil : true }
            _ = await ghost.finish()
            try await platform.waitForGhost("stale")

            try await observing(platform)
            try await unaudited(platform)
            try await annotated(platform)
        }
    }

    private func observing(_ platform: Platform) async throws {
        try await platform.configureSync(replacing: "mode: enforce", with: "mode: observe")
        let before: Set<String> = try await platform.reportIdentifiers()
        try await platform.operatorSQL(Drift.staleAfter("1h"))
        try await platform.waitForGhost("ok")

        let report: JSONValue = try await platform.report("drifted", since: before)
        #expect(report["mode"]?.string == "observe")
        let change: JSONValue = try #require(report["changes"]?.array?.first)
        #expect(change["name"]?.string == "all")
        #expect(change["result"]?.string == "reported")
        #expect(change["changedBy"]?["who"]?.string == "operator")
        #expect(change["changedBy"]?["via"]?.string == "sql")
        #expect(try await platform.gitopsSync("drift").status == 2)
        let once: Finished = try await platform.once()
        #expect(once.status == 4, "\(once.all)")
        #expect(try await platform.staleAfter() == "1h", "it was not corrected")
    }

    private func unaudited(_ platform: Platform) async throws {
        let before: Set<String> = try await platform.reportIdentifiers()
        try await platform.superuserSQL("SET session_replication_role = replica; " + Drift.staleAfter("3s"))
        // Nothing tells the server: it finds the row when it reads everything, once a minute.
        try await platform.waitForGhost("stale", within: 90)

        func checked(_ report: JSONValue) throws {
            let change: JSONValue = try #require(report["changes"]?.array?.first { $0["name"]?.string == "all" })
            #expect(change["changedBy"]?["via"]?.string == "unaudited")
            #expect(change["changedBy"]?["who"]?.string == nil)
            #expect(change["fields"]?.array?.first?["live"]?.string == "3s")
        }
        // Nor gitops-sync, which reads everything once a minute too, and may have done so just before.
        try checked(
            try await platform.report("drifted", since: before, within: 90) {
                $0["changes"]?.array?.first?["fields"]?.array?.first?["live"]?.string == "3s"
            })
        try await platform.configureSync(replacing: "mode: observe", with: "mode: enforce")
        let corrected: JSONValue = try await eventually("it is corrected", within: 60) {
            try await platform.reports().first { !before.contains($0["id"]?.string ?? "") && $0.corrects("all") }
        }
        try checked(corrected)
        #expect(try await platform.staleAfter() == "2s")
    }

    private func annotated(_ platform: Platform) async throws {
        let manifest: String = Drift.hostGroupManifest(
            staleAfter: "2s", annotations: "  annotations:\n    plumbline/drift: report\n")
        try await platform.commit(["host-groups/all.yaml": manifest], message: "Only report the host group")
        let push: Finished = try await platform.push()
        #expect(push.status == 0, "\(push.all)")

        let before: Set<String> = try await platform.reportIdentifiers()
        try await platform.operatorSQL(Drift.staleAfter("1h"))
        try await platform.operatorSQL(Drift.retention("77d"))
        _ = try await eventually("the retention is corrected", within: 60) {
            try await platform.reports().contains { !before.contains($0["id"]?.string ?? "") && $0.corrects("metrics") }
                ? true : nil
        }
        _ = try await platform.report("drifted", since: before) { report in
            report["changes"]?.array?.contains {
                $0["name"]?.string == "all" && $0["result"]?.string == "reported"
            } == true
        }
        try await platform.waitForGhost("ok")
        #expect(try await platform.resource("Retention", "metrics")?["spec"]?["keep"]?.string == "30d")
        #expect(try await platform.staleAfter() == "1h")
        #expect(try await platform.gitopsSync("drift").status == 2)
    }

    // Shows F-GO-01, F-GO-09, W-B-02
    @Test(.timeLimit(.minutes(6)))
    func `the last good commit stays enforced under a silent remote and under a rewritten history`() async throws {
        try await withPlatform { platform in
            try await aSilentRemote(platform)
            try await aRewrittenHistory(platform)
        }
    }

    private func aSilentRemote(_ platform: Platform) async throws {
        let silence: any Channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let address = "http://127.0.0.1:\(silence.localAddress?.port ?? 0)/config.git"
        let local: String = platform.dataDirectory.appendingPathComponent("config.git").path
        try await platform.configureSync(
            replacing: "url: \"file://\(local)\"", with: "url: \"\(address)\"", extra: "fetch:\n  timeout: 2s\n")
        _ = try await eventually("the fetch is given up", within: 60) {
            try await platform.gitopsSync("status").output.contains("no answer within 2 s") ? true : nil
        }

        let before: Set<String> = try await platform.reportIdentifiers()
        try await platform.operatorSQL(Drift.retention("77d"))
        _ = try await eventually("drift is corrected without git", within: 60) {
            try await platform.reports().contains { !before.contains($0["id"]?.string ?? "") && $0.corrects("metrics") }
                ? true : nil
        }
        #expect(try await platform.resource("Retention", "metrics")?["spec"]?["keep"]?.string == "30d")
        try await platform.configureSync(replacing: "url: \"\(address)\"", with: "url: \"file://\(local)\"")
        try await silence.close()
    }

    private func aRewrittenHistory(_ platform: Platform) async throws {
        try await platform.git("checkout", "-q", "--orphan", "other")
        try await platform.commit(
            ["retentions/metrics.yaml": Drift.retentionManifest("5d")],
            message: "Start anew\n\nPlumbline-Allow: prune, retention")
        let push: Finished = try await run("git", ["push", "--force", "origin", "HEAD:main"], in: platform.clone)
        #expect(push.status != 0)
        #expect(push.all.contains("rewrites history"), "\(push.all)")

        // Past the hook.
        try await require(
            "git", ["fetch", "-q", platform.clone.path, "+HEAD:main"],
            in: platform.dataDirectory.appendingPathComponent("config.git"))
        let before: Set<String> = try await platform.reportIdentifiers()
        let sync: Finished = try await platform.gitopsSync("sync", "--wait")
        #expect(sync.status == 1, "\(sync.all)")
        let report: JSONValue = try await platform.report("refused", since: before)
        #expect(report["refusals"]?.array?.first?["guard"]?.string == "rewrittenHistory")
        #expect(report["refusedCommit"]?["subject"]?.string == "Start anew")

        try await platform.operatorSQL(Drift.retention("77d"))
        _ = try await eventually("the accepted commit stays enforced", within: 60) {
            try await platform.resource("Retention", "metrics")?["spec"]?["keep"]?.string == "30d" ? true : nil
        }

        // Who may say so on the machine can have it.
        let head: String = try await platform.git("rev-parse", "HEAD").trimmingCharacters(in: .whitespacesAndNewlines)
        let accept: Finished = try await platform.gitopsSync("accept", head, "--reason", "cleaned up")
        #expect(accept.status == 0, "\(accept.all)")
        _ = try await eventually("the new history is live", within: 60) {
            try await platform.resource("Retention", "metrics")?["spec"]?["keep"]?.string == "5d" ? true : nil
        }
    }
}

extension JSONValue {
    /// Whether this report says that a resource was corrected.
    fileprivate func corrects(_ name: String) -> Bool {
        self["changes"]?.array?.contains {
            $0["name"]?.string == name && $0["result"]?.string == "applied"
                && $0["cause"]?.array?.contains("drift") == true
        } == true
    }
}

extension Platform {
    fileprivate func waitForGhost(_ status: String, within seconds: Double = 60) async throws {
        _ = try await eventually("the silent host is \(status)", within: seconds) {
            let hosts: [JSONValue] = try await get("/api/v1/hosts")["hosts"]?.array ?? []
            return hosts.contains { $0["host"]?.string == "ghost" && $0["status"]?.string == status } ? true : nil
        }
    }

    fileprivate func staleAfter() async throws -> String? {
        try await resource("HostGroup", "all")?["spec"]?["staleAfter"]?.string
    }

    /// Changes the bootstrap config, as an operator would, and starts gitops-sync again.
    func configureSync(replacing old: String, with new: String, extra: String = "") async throws {
        let file: URL = dataDirectory.appendingPathComponent("gitops-sync.yaml")
        let text: String = try String(contentsOf: file, encoding: .utf8)
        guard text.contains(old) else { throw ShellError(description: "\(old) is not in \(text)") }
        try (text.replacingOccurrences(of: old, with: new) + extra).write(to: file, atomically: true, encoding: .utf8)
        try await killChild("gitops-sync")
    }

    /// One run as a timer makes it, beside the daemon: with a state directory of its own.
    fileprivate func once() async throws -> Finished {
        try await run(
            Programs.path("gitops-sync"),
            ["once", "--config", dataDirectory.appendingPathComponent("gitops-sync.yaml").path],
            environment: ["PLUMB_STATE_DIRECTORY": folder.appendingPathComponent("once").path])
    }

    /// SQL as the superuser, past every trigger.
    func superuserSQL(_ sql: String) async throws {
        let file: URL = dataDirectory.appendingPathComponent("run.json")
        let record = try JSONValue(parsing: try String(contentsOf: file, encoding: .utf8))
        let place: String = record["runtimeDirectory"]?.string ?? ""
        try await require(
            "psql",
            [
                "host=\(place)/pg port=5432 dbname=plumbline user=postgres", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c",
                sql,
            ])
    }
}
