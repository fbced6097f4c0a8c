import Declarations
import Foundation
import NIOHTTP1
import Testing

/// Who watches the reconciler, and which host is behind.
@Suite(.serialized) struct WatchmanTests {
    private static let environment: [String: String] = Platform.hurried.merging([
        "PLUMB_FETCH_TIMEOUT": "2s", "PLUMB_VERIFY_TIMEOUT": "1s",
    ]) { _, own in own }

    // Shows F-GO-07, F-GO-14, F-OP-13
    @Test(.timeLimit(.minutes(10)))
    func
        `the server tells of a refusal, of drift and of a reconciler that stands still, once each; a host that is behind is named`()
        async throws
    {
        let platform: Platform = try await Platform.start(environment: Self.environment)
        let sink = try await WebhookSink()
        do {
            try await platform.commit(
                ["notifiers/ops.yaml": Self.notifier(sink.url("/ops")), "host-groups/all.yaml": Self.group],
                message: "Tell ops")
            let push: Finished = try await platform.push()
            #expect(push.status == 0, "\(push.all)")
            try await refusal(platform, sink)
            try await drift(platform, sink)
            try await stall(platform, sink)
            try await fleet(platform)
        } catch {
            Issue.record("\(error)\n--- plumb up:\n\(platform.log.suffix(4000))")
        }
        try await platform.dispose()
        try await sink.close()
    }

    private static func notifier(_ url: String) -> String {
        """
        apiVersion: plumbline/v1
        kind: Notifier
        metadata:
          name: ops
        spec:
          type: webhook
          url: \(url)

        """
    }

    private static let group = """
        apiVersion: plumbline/v1
        kind: HostGroup
        metadata:
          name: all
        spec:
          hosts: ["*"]
          staleAfter: 11s
          downAfter: 15s

        """

    /// `rule event` of the notices about the reconciler.
    private func told(_ sink: WebhookSink) -> [String] {
        sink.deliveries(at: "/ops").compactMap { delivery in
            guard let rule = delivery.body["rule"]?.string, rule.hasPrefix("gitops.") else { return nil }
            return "\(rule) \(delivery.body["event"]?.string ?? "?")"
        }
    }

    private func until(_ sink: WebhookSink, _ notice: String, within seconds: Double = 60) async throws {
        _ = try await eventually("\(notice) is told", within: seconds) { () -> Bool? in
            guard told(sink).contains(notice) else { throw ShellError(description: "\(told(sink))") }
            return true
        }
    }

    private func refusal(_ platform: Platform, _ sink: WebhookSink) async throws {
        try await platform.commit(["collectors/broken.yaml": "kind: Collector\n"], message: "Break it")
        try await require(
            "git", ["fetch", "-q", platform.clone.path, "+HEAD:main"],
            in: platform.dataDirectory.appendingPathComponent("config.git"))
        _ = try await platform.gitopsSync("sync", "--wait")
        try await until(sink, "gitops.refused firing")
        let notice = sink.deliveries(at: "/ops").last { $0.body["rule"] == "gitops.refused" }
        let summary: String = notice?.body["annotations"]?["summary"]?.string ?? ""
        #expect(summary.contains("\"Break it\" by Ada Example is refused: collectors/broken.yaml:"), "\(summary)")
        try await platform.commit(["collectors/broken.yaml": nil], message: "Mend it")
        let push: Finished = try await platform.push()
        #expect(push.status == 0, "\(push.all)")
        try await until(sink, "gitops.refused resolved")
        #expect(
            told(sink).filter { $0.hasPrefix("gitops.refused") } == [
                "gitops.refused firing", "gitops.refused resolved",
            ])
    }

    private func drift(_ platform: Platform, _ sink: WebhookSink) async throws {
        for keep in ["77d", "78d", "79d"] {
            try await platform.operatorSQL(
                "UPDATE resources SET spec = jsonb_set(spec, '{keep}', '\"\(keep)\"') WHERE kind = 'Retention' AND name = 'metrics'"
            )
            _ = try await eventually("drift is corrected", within: 60) {
                try await platform.resource("Retention", "metrics")?["spec"]?["keep"]?.string == "30d" ? true : nil
            }
        }
        try await until(sink, "gitops.drift firing")
        let notice = sink.deliveries(at: "/ops").last { $0.body["rule"] == "gitops.drift" }
        let summary: String = notice?.body["annotations"]?["summary"]?.string ?? ""
        #expect(summary == "changed outside git: Retention/metrics by operator via sql (corrected)", "\(summary)")
    }

    private func stall(_ platform: Platform, _ sink: WebhookSink) async throws {
        guard let process = try platform.child("gitops-sync").process else {
            throw ShellError(description: "gitops-sync does not run")
        }
        kill(process.number, SIGSTOP)
        try await until(sink, "gitops.stalled firing")
        kill(process.number, SIGCONT)
        try await until(sink, "gitops.stalled resolved")
        #expect(
            told(sink).filter { $0.hasPrefix("gitops.stalled") } == [
                "gitops.stalled firing", "gitops.stalled resolved",
            ])
        // Three corrections, one notice.
        #expect(told(sink).filter { $0 == "gitops.drift firing" }.count == 1)
    }

    /// A host that says that it runs something old, and then says nothing.
    private func fleet(_ platform: Platform) async throws {
        let ghost: String = try await platform.mint(subject: "ghost", scope: "ingest", host: "ghost")
        func report() async throws {
            let answer = try await platform.request(
                .POST, "/v1/agent/status", token: ghost,
                json: [
                    "host": "ghost", "agentId": "a", "bootId": "b", "version": "0",
                    "running": ["digest": "old", "resources": []],
                    "file": ["digest": "old", "receivedDigest": "old"], "facts": [:],
                ])
            #expect(answer.status == 200, "\(answer.body)")
        }
        _ = try await eventually("the host that is behind is named", within: 60) { () -> Bool? in
            try await report()
            let status: Finished = try await platform.gitopsSync("status")
            guard status.output.contains("ghost: behind since ") else { throw ShellError(description: status.all) }
            return true
        }
        _ = try await eventually("it counts as drift", within: 60) { () -> Bool? in
            try await report()
            let status: Finished = try await platform.gitopsSync("status", "--output", "json")
            let agents: JSONValue? = try JSONValue(parsing: status.output)["targets"]?.array?.first {
                $0["name"] == "agents"
            }
            let host: JSONValue? = agents?["agents"]?.array?.first { $0["host"] == "ghost" }
            return agents?["state"] == "drifted" && host?["state"] == "drifted" && host?["digest"] == "old" ? true : nil
        }
        let hosts: Finished = try await platform.plumb("hosts")
        #expect(hosts.output.contains("behind since "), "\(hosts.all)")

        _ = try await eventually("the silent host is unknown and without effect", within: 60) { () -> Bool? in
            let status: Finished = try await platform.gitopsSync("status")
            guard status.output.contains("ghost: unseen since "), status.output.contains("1 unknown"),
                status.output.contains("last run    inSync")
            else { throw ShellError(description: status.all) }
            return true
        }
        let commit: String = try await platform.git("rev-parse", "HEAD").trimmingCharacters(in: .whitespacesAndNewlines)
        let here: JSONValue? = try await platform.get("/api/v1/hosts")["hosts"]?.array?.first { $0["host"] != "ghost" }
        #expect(here?["agent"]?["applied"]?["id"]?.string == commit)
        _ = try await eventually("each host's commit is a metric", within: 60) { () -> Bool? in
            let committed: String = try await platform.git("show", "-s", "--format=%ct", "HEAD")
            let found = try await platform.query("plumb_config_applied_commit_timestamp_seconds")
            guard let value = found.first?.value else { return nil }
            return value == Double(committed.trimmingCharacters(in: .whitespacesAndNewlines)) ? true : nil
        }
    }
}
