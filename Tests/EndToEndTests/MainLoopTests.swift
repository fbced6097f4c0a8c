import Declarations
import Foundation
import NIOHTTP1
import Telemetry
import Testing

/// The config repository of the scenario: five resources, one knob of each.
private struct Config {
    var interval = "1s"
    var threshold = 100
    var keep = "25d"
    var notifierURL: String
    var staleAfter = "10m"

    var files: [String: String?] {
        [
            "collectors/load.yaml": """
            apiVersion: plumbline/v1
            kind: Collector
            metadata:
              name: load
            spec:
              source: load
              interval: \(interval)

            """,
            "alerts/queue.yaml": """
            apiVersion: plumbline/v1
            kind: AlertRule
            metadata:
              name: queue-long
            spec:
              expr: queue_length > \(threshold)
              every: 1s
              severity: critical
              annotations:
                summary: "{{ $labels.host }} has {{ $value }} waiting"
              notifiers: [ops]

            """,
            "retention/metrics.yaml": """
            apiVersion: plumbline/v1
            kind: Retention
            metadata:
              name: metrics
            spec:
              dataset: metrics
              keep: \(keep)

            """,
            "notifiers/ops.yaml": """
            apiVersion: plumbline/v1
            kind: Notifier
            metadata:
              name: ops
            spec:
              type: webhook
              url: \(notifierURL)

            """,
            "hosts/all.yaml": """
            apiVersion: plumbline/v1
            kind: HostGroup
            metadata:
              name: all
            spec:
              hosts: ["*"]
              staleAfter: \(staleAfter)
              downAfter: 20m

            """,
        ]
    }
}

extension Platform {
    /// Sends samples of one host as a simple client does.
    fileprivate func ingest(
        host: String, token: String, _ samples: [(name: String, value: Double, at: Timestamp)]
    ) async throws {
        let metrics: [JSONValue] = samples.map {
            ["name": .string($0.name), "value": .number($0.value), "time": .time($0.at)]
        }
        let body: JSONValue = ["host": .string(host), "metrics": .array(metrics)]
        let answer: Answer = try await request(.POST, "/api/v1/metrics", token: token, json: body)
        guard answer.status == 202, answer.json["rejected"]?.integer ?? 0 == 0 else {
            throw ShellError(description: "ingest: \(answer.status) \(answer.body)")
        }
    }

    /// The distances between the last samples of `node_load1` of this machine, in seconds.
    fileprivate func sampleDistances() async throws -> [Double] {
        let encoded = "node_load1[8s]".addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        let answer: JSONValue = try await get("/api/v1/query?query=\(encoded)")
        let values: [JSONValue] = answer["data"]?["result"]?.array?.first?["values"]?.array ?? []
        let times: [Double] = values.compactMap { $0.array?.first?.number }
        return zip(times.dropFirst(), times).map { ($0 - $1).rounded() }
    }

    fileprivate func hostStatus(_ host: String) async throws -> String? {
        try await get("/api/v1/hosts")["hosts"]?.array?.first { $0["host"]?.string == host }?["status"]?.string
    }
}

@Suite(.serialized) struct MainLoopTests {
    // Shows F-GO-01, F-GO-04, F-GO-05, F-GO-06, F-GO-07, F-GO-09, F-GO-14, F-AL-06, F-SV-12, W-B-01, W-B-02
    @Test(.timeLimit(.minutes(6)))
    func `one commit steers five parts, drift of each is attributed and corrected, a broken commit changes nothing`()
        async throws
    {
        let platform: Platform = try await Platform.start()
        do {
            try await scenario(platform)
        } catch {
            Issue.record("\(error)\n--- plumb up:\n\(platform.log.suffix(4000))")
        }
        try await platform.dispose()
    }

    private func scenario(_ platform: Platform) async throws {
        let sink = try await WebhookSink()
        var config = Config(notifierURL: sink.url("/first"))
        try await start(platform, config)

        let ghost: String = try await platform.mint(subject: "ghost", scope: "ingest", host: "ghost")
        let now = Timestamp(seconds: Date().timeIntervalSince1970)
        try await platform.ingest(
            host: "ghost", token: ghost,
            [
                ("queue_length", 50, now), ("queue_length", 1, now - .days(20)), ("queue_length", 1, now - .days(10)),
            ])

        config = Config(
            interval: "2s", threshold: 10, keep: "15d", notifierURL: sink.url("/second"), staleAfter: "3s")
        try await oneCommitSteersFiveParts(platform, config, sink)
        try await driftIsAttributedAndCorrected(platform, config)
        try await aBrokenCommitChangesNothing(platform, config)
        try await theAlertResolves(platform, ghost, sink)
        try await sink.close()
    }

    /// Replaces the starter set with the scenario's.
    private func start(_ platform: Platform, _ config: Config) async throws {
        for entry in try FileManager.default.contentsOfDirectory(atPath: platform.clone.path) where entry != ".git" {
            try FileManager.default.removeItem(at: platform.clone.appendingPathComponent(entry))
        }
        try await platform.commit(
            config.files, message: "Start with five resources\n\nPlumbline-Allow: prune, retention, last-notifier")
        let push: Finished = try await platform.push()
        #expect(push.status == 0, "\(push.all)")
        #expect(push.all.contains("applied"), "\(push.all)")
        _ = try await eventually("the collector runs every second") {
            try await platform.sampleDistances().suffix(3) == [1, 1, 1] ? true : nil
        }
    }

    private func oneCommitSteersFiveParts(_ platform: Platform, _ config: Config, _ sink: WebhookSink) async throws {
        // At the old threshold the alert is quiet, with the data that will make it fire at the new one.
        #expect(try await platform.query("queue_length").first?.value == 50)
        #expect(sink.deliveries(at: "/first").allSatisfy { $0.body["rule"]?.string != "queue-long" })
        _ = try await eventually("the host is known and not silent for long enough") {
            try await platform.hostStatus("ghost") == "ok" ? true : nil
        }

        let before: Set<String> = try await platform.reportIdentifiers()
        try await platform.commit(config.files, message: "Change one knob of each\n\nPlumbline-Allow: retention")
        let preview: Finished = try await platform.run("git", "rev-parse", "HEAD")
        let push: Finished = try await platform.push()
        #expect(push.status == 0, "\(push.all)")
        let gone: String = partitionName(daysAgo: 20)
        #expect(push.all.contains(gone), "the plan names the partition \(gone): \(push.all)")

        let report: JSONValue = try await platform.report("applied", since: before)
        #expect(report["commit"]?["id"]?.string == preview.output.trimmingCharacters(in: .whitespacesAndNewlines))
        let changed: [String] = (report["changes"]?.array ?? []).map {
            "\($0["kind"]?.string ?? "")/\($0["name"]?.string ?? "")"
        }
        #expect(
            changed.sorted() == [
                "AlertRule/queue-long", "Collector/load", "HostGroup/all", "Notifier/ops", "Retention/metrics",
            ])

        // By effect.
        let delivery: WebhookSink.Delivery = try await eventually("the alert arrives at the new address") {
            sink.deliveries(at: "/second").first { $0.body["rule"]?.string == "queue-long" }
        }
        #expect(delivery.body["event"]?.string == "firing")
        #expect(delivery.body["labels"]?["host"]?.string == "ghost")
        #expect(delivery.body["annotations"]?["summary"]?.string == "ghost has 50 waiting")
        #expect(delivery.body["provenance"]?["file"]?.string == "alerts/queue.yaml")
        #expect(delivery.body["provenance"]?["author"]?.string?.contains("Ada Example") == true)
        #expect(sink.deliveries(at: "/first").allSatisfy { $0.body["rule"]?.string != "queue-long" })
        _ = try await eventually("samples are two seconds apart") {
            try await platform.sampleDistances().suffix(2) == [2, 2] ? true : nil
        }
        _ = try await eventually("the silent host is stale") {
            try await platform.hostStatus("ghost") == "stale" ? true : nil
        }
        _ = try await eventually("the old partition is gone") {
            try await platform.operatorSQL("SELECT count(*) FROM pg_tables WHERE tablename = '\(gone)'")
                .trimmingCharacters(in: .whitespacesAndNewlines) == "0" ? true : nil
        }
    }

    private func driftIsAttributedAndCorrected(_ platform: Platform, _ config: Config) async throws {
        let before: Set<String> = try await platform.reportIdentifiers()
        let mallory: String = try await platform.mint(subject: "mallory", scope: "config")
        try await change(platform, as: mallory, "AlertRule", "queue-long", "expr", "queue_length > 999")
        try await change(platform, as: mallory, "Notifier", "ops", "url", "http://127.0.0.1:9/wrong")
        try await platform.operatorSQL(
            "UPDATE plumbline.resources SET spec = jsonb_set(spec, '{keep}', '\"90d\"') WHERE kind = 'Retention'")
        try await platform.operatorSQL(
            "UPDATE plumbline.resources SET spec = jsonb_set(spec, '{staleAfter}', '\"9m\"') WHERE kind = 'HostGroup'")
        try editAgentFile(platform)

        let entries: [JSONValue] = try await eventually("five drift entries, all corrected") {
            let entries: [JSONValue] = try await platform.changes(causedBy: "drift", since: before)
            return Set(entries.map { $0["name"]?.string }).count >= 5 ? entries : nil
        }
        func entry(_ kind: String) throws -> JSONValue { try #require(entries.first { $0["kind"]?.string == kind }) }
        for (kind, who, via) in [
            ("AlertRule", "mallory", "api"), ("Notifier", "mallory", "api"), ("Retention", "operator", "sql"),
            ("HostGroup", "operator", "sql"),
        ] {
            let changedBy: JSONValue = try #require(try entry(kind)["changedBy"])
            #expect(changedBy["who"]?.string == who, "\(kind): \(changedBy)")
            #expect(changedBy["via"]?.string == via, "\(kind): \(changedBy)")
            #expect((changedBy["at"]?.string).flatMap { Timestamp(rfc3339: $0) } != nil)
        }
        let file: JSONValue = try entry("Collector")
        #expect(file["changedBy"]?["via"]?.string == "file")
        #expect(file["host"]?.string != nil)
        let fields: JSONValue = try #require(try entry("Retention")["fields"]?.array?.first)
        #expect(fields == ["path": "/keep", "declared": "15d", "live": "90d"])

        _ = try await eventually("everything is as declared again") {
            let rule: JSONValue? = try await platform.resource("AlertRule", "queue-long")
            let retention: JSONValue? = try await platform.resource("Retention", "metrics")
            let group: JSONValue? = try await platform.resource("HostGroup", "all")
            return rule?["spec"]?["expr"]?.string == "queue_length > 10" && retention?["spec"]?["keep"]?.string == "15d"
                && group?["spec"]?["staleAfter"]?.string == "3s" ? true : nil
        }
        _ = try await eventually("drift says none") { try await platform.gitopsSync("drift").status == 0 ? true : nil }
    }

    private func change(
        _ platform: Platform, as token: String, _ kind: String, _ name: String, _ field: String, _ value: String
    ) async throws {
        // The store may move between reading and writing: another try then, as a person would.
        _ = try await eventually("\(kind) changed through the API") {
            let config: JSONValue = try await platform.get("/v1/config")
            let resource: JSONValue? = config["resources"]?.array?.first {
                $0["kind"]?.string == kind && $0["name"]?.string == name
            }
            guard var spec = resource?["spec"]?.object else { return nil as Bool? }
            spec[field] = .string(value)
            let patch: JSONValue = [
                "requestId": .string(UUID().uuidString), "storeId": config["storeId"] ?? .null,
                "generation": config["generation"] ?? .null,
                "changes": [["op": "put", "kind": .string(kind), "name": .string(name), "spec": .object(spec)]],
            ]
            let answer: Platform.Answer = try await platform.request(.PATCH, "/v1/config", token: token, json: patch)
            guard answer.status == 200 || answer.status == 409 else {
                throw ShellError(description: "PATCH: \(answer.status) \(answer.body)")
            }
            return answer.status == 200 ? true : nil
        }
    }

    /// Edits the interval in the file that the agent obeys.
    private func editAgentFile(_ platform: Platform) throws {
        let folder: URL = platform.dataDirectory.appendingPathComponent("agent")
        let file: URL = folder.appendingPathComponent("config.json")
        let text: String = try String(contentsOf: file, encoding: .utf8)
        let edited: String = text.replacingOccurrences(of: "\"interval\":\"2s\"", with: "\"interval\":\"7s\"")
            .replacingOccurrences(of: "\"interval\" : \"2s\"", with: "\"interval\" : \"7s\"")
            .replacingOccurrences(of: "\"interval\": \"2s\"", with: "\"interval\": \"7s\"")
        try #require(edited != text, "the agent's file holds the interval: \(text)")
        try edited.write(to: file, atomically: true, encoding: .utf8)
    }

    private func aBrokenCommitChangesNothing(_ platform: Platform, _ config: Config) async throws {
        var broken: [String: String?] = config.files
        broken["alerts/queue.yaml"] = (config.files["alerts/queue.yaml"] ?? nil)?
            .replacingOccurrences(of: "  every: 1s", with: "  evry: 1s")
        broken["retention/metrics.yaml"] = (config.files["retention/metrics.yaml"] ?? nil)?
            .replacingOccurrences(of: "keep: 15d", with: "keep: a week")
        try await platform.commit(broken, message: "Break two files")

        // The hook refuses it, with every problem at its place.
        let push: Finished = try await platform.push()
        #expect(push.status != 0)
        #expect(push.all.contains("alerts/queue.yaml:7:3:"), "\(push.all)")
        #expect(push.all.contains("retention/metrics.yaml:7:9:"), "\(push.all)")

        // Past the hook, straight into the repository.
        try await require(
            "git", ["fetch", "-q", platform.clone.path, "HEAD:main"],
            in: platform.dataDirectory.appendingPathComponent("config.git"))
        _ = try await platform.gitopsSync("sync", "--wait")
        let report: JSONValue = try await eventually("the commit is refused") {
            try await platform.reports().first { $0["outcome"]?.string == "refused" }
        }
        let places: [String] = (report["problems"]?.array ?? []).map {
            "\($0["file"]?.string ?? ""):\($0["line"]?.integer ?? 0):\($0["column"]?.integer ?? 0)"
        }
        #expect(places.sorted() == ["alerts/queue.yaml:7:3", "retention/metrics.yaml:7:9"])
        #expect(try await platform.resource("Retention", "metrics")?["spec"]?["keep"]?.string == "15d")

        // The last good commit stays enforced: drift is still corrected.
        try await platform.operatorSQL(
            "UPDATE plumbline.resources SET spec = jsonb_set(spec, '{keep}', '\"80d\"') WHERE kind = 'Retention'")
        _ = try await eventually("drift is corrected under a refused commit") {
            try await platform.resource("Retention", "metrics")?["spec"]?["keep"]?.string == "15d" ? true : nil
        }

        // A good commit on top: recovery.
        var repaired = config
        repaired.keep = "16d"
        try await platform.commit(repaired.files, message: "Repair both")
        let good: Finished = try await platform.push()
        #expect(good.status == 0, "\(good.all)")
        _ = try await eventually("the good commit is live") {
            try await platform.resource("Retention", "metrics")?["spec"]?["keep"]?.string == "16d" ? true : nil
        }
        #expect(try await platform.gitopsSync("drift").status == 0)
    }

    private func theAlertResolves(_ platform: Platform, _ token: String, _ sink: WebhookSink) async throws {
        let now = Timestamp(seconds: Date().timeIntervalSince1970)
        try await platform.ingest(host: "ghost", token: token, [("queue_length", 2, now)])
        let resolved: WebhookSink.Delivery = try await eventually("the resolution arrives") {
            sink.deliveries(at: "/second").last {
                $0.body["rule"]?.string == "queue-long" && $0.body["event"]?.string == "resolved"
            }
        }
        #expect(resolved.body["labels"]?["host"]?.string == "ghost")
    }

    private func partitionName(daysAgo: Int64) -> String {
        let time: Timestamp = Timestamp(seconds: Date().timeIntervalSince1970) - .days(daysAgo)
        let day = CivilDate(daysSince1970: time.milliseconds / 86_400_000)
        return "frames_" + day.description.replacingOccurrences(of: "-", with: "")
    }
}

extension Platform {
    fileprivate func run(_ program: String, _ arguments: String...) async throws -> Finished {
        try await EndToEndTests.run(program, arguments, in: clone)
    }
}
