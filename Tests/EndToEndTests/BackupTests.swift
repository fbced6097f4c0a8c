import Declarations
import Foundation
import NIOHTTP1
import Telemetry
import Testing

/// Backup and restore as a drill: a platform with data of every kind, backed up under load, restored elsewhere.
@Suite(.serialized) struct BackupTests {
    // Shows F-OP-03
    @Test(.timeLimit(.minutes(10)))
    func `a backup taken under load becomes a platform that gives the same twenty answers`() async throws {
        let source: Platform = try await .start()
        var restored: Platform?
        do { restored = try await drill(source) } catch {
            Issue.record("\(error)\n--- plumb up:\n\(source.log.suffix(4000))")
        }
        if let restored { try await restored.dispose() }
        try await source.dispose()
    }

    /// Gives the restored platform, to be disposed of.
    private func drill(_ source: Platform) async throws -> Platform {
        let numbers: DataOfEveryKind = try await DataOfEveryKind.store(in: source)
        // A firing alert whose notification cannot be delivered: it waits when the backup is taken.
        try await source.commit(
            ["drill.yaml": numbers.manifests], message: "An alert that fires, a notifier that nobody answers")
        #expect(try await source.push().status == 0)
        _ = try await eventually("a notification waits", within: 60) {
            try await source.get("/api/v1/notifications")["notifications"]?.array?.contains {
                $0["state"]?.string == "waiting"
            } == true ? true : nil
        }
        let stream = try await SampleStream(source, host: "ghost")
        _ = try await eventually("samples are acknowledged") { await stream.acknowledged.count >= 50 ? true : nil }
        // Everything up to here is in the backup; what comes after may be.
        let edge = Timestamp(seconds: Date().timeIntervalSince1970)
        let certain: Int = await stream.acknowledged.count
        let file: URL = source.folder.appendingPathComponent("backup.tar.zst")
        let written: Finished = try await source.plumb("backup", file.path, "--output", "json")
        #expect(written.status == 0, "\(written.all)")
        let before: Int = await stream.acknowledged.count
        #expect(before > certain, "the backup was taken under load")
        _ = await stream.finish()
        try checkFile(file, report: try JSONValue(parsing: written.output))

        let expected: [String: JSONValue] = try await answers(of: source, to: edge, numbers)
        #expect(expected.count == 20)
        try await refusesDamage(source, file)

        let target: URL = try Platform.temporaryFolder()
        let data: URL = target.appendingPathComponent("data")
        let done: Finished = try await run(
            Programs.path("plumb"), ["restore", file.path, "--data-dir", data.path], deadline: 120)
        #expect(done.status == 0, "\(done.all)")
        #expect(done.output.contains("notifications that waited then are not sent"), "\(done.all)")
        let platform: Platform = try await .start(in: target)
        do { try await compare(platform, source, expected, edge, numbers) } catch {
            Issue.record("\(error)\n--- restored plumb up:\n\(platform.log.suffix(4000))")
        }
        return platform
    }

    private func checkFile(_ file: URL, report: JSONValue) throws {
        let attributes = try FileManager.default.attributesOfItem(atPath: file.path)
        #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o600)
        #expect((report["rows"]?.number ?? 0) > 100)
        #expect((report["tables"]?.number ?? 0) > 20)
        #expect(!FileManager.default.fileExists(atPath: file.path + ".partial"))
    }

    private func compare(
        _ platform: Platform, _ source: Platform, _ expected: [String: JSONValue], _ edge: Timestamp,
        _ numbers: DataOfEveryKind
    ) async throws {
        let found: [String: JSONValue] = try await answers(of: platform, to: edge, numbers)
        for (question, answer) in expected.sorted(by: { $0.key < $1.key }) {
            #expect(found[question] == answer, "\(question)")
        }
        // Another store, which follows its own repository and writes to no place of the old one.
        let config: (JSONValue, JSONValue) = (try await source.get("/v1/config"), try await platform.get("/v1/config"))
        #expect(config.0["storeId"] != config.1["storeId"])
        let bootstrap = try String(
            contentsOf: platform.dataDirectory.appendingPathComponent("gitops-sync.yaml"), encoding: .utf8)
        #expect(!bootstrap.contains(source.dataDirectory.path), "\(bootstrap)")
        #expect(try await platform.git("rev-parse", "HEAD") == source.git("rev-parse", "HEAD"))
        // Nobody is told again of what happened before.
        let states: [String] = (try await platform.get("/api/v1/notifications")["notifications"]?.array ?? [])
            .filter { $0["createdAt"]?.string.flatMap { Timestamp(rfc3339: $0) }.map { $0 <= edge } ?? false }
            .compactMap { $0["state"]?.string }
        #expect(!states.isEmpty && states.allSatisfy { $0 != "waiting" && $0 != "delivered" }, "\(states)")
        // It lives: a change by git push, drift that is corrected, samples that are stored.
        _ = try await eventually("it is in sync", within: 60) {
            try await platform.gitopsSync("drift").status == 0 ? true : nil
        }
        try await platform.operatorSQL(Drift.retention("77d"))
        _ = try await eventually("drift is corrected", within: 60) {
            try await platform.resource("Retention", "metrics")?["spec"]?["keep"]?.string == "30d" ? true : nil
        }
        try await platform.commit(["collectors/load.yaml": Drift.loadManifest(interval: "3s")], message: "Load")
        let pushed: Finished = try await platform.push()
        #expect(pushed.status == 0, "\(pushed.all)")
        let stream = try await SampleStream(platform, host: "spirit")
        _ = try await eventually("samples are acknowledged") { await stream.acknowledged.count >= 5 ? true : nil }
        let acknowledged: [Int] = await stream.finish()
        #expect(Set(acknowledged).subtracting(try await SampleStream.stored(platform, host: "spirit")).isEmpty)
    }

    /// A file that is not what was written is refused, and nothing appears.
    private func refusesDamage(_ source: Platform, _ file: URL) async throws {
        let whole: Data = try Data(contentsOf: file)
        var flipped: Data = whole
        flipped[whole.count / 2] ^= 4
        for (name, content) in [("short", whole.prefix(whole.count - 700)), ("flipped", flipped)] {
            let damaged: URL = source.folder.appendingPathComponent("\(name).tar.zst")
            try content.write(to: damaged)
            let data: URL = source.folder.appendingPathComponent("from-\(name)")
            let refused: Finished = try await run(
                Programs.path("plumb"), ["restore", damaged.path, "--data-dir", data.path])
            #expect(refused.status == 1)
            #expect(refused.errors.contains("is damaged"), "\(refused.all)")
            #expect(!FileManager.default.fileExists(atPath: data.path))
            let verified: Finished = try await source.plumb("backup", "--verify", damaged.path)
            #expect(verified.status == 1)
        }
        let sound: Finished = try await source.plumb("backup", "--verify", file.path)
        #expect(sound.status == 0, "\(sound.all)")
        // Where something is there already, and where it runs, nothing is touched without a word from the operator.
        let there: Finished = try await run(
            Programs.path("plumb"), ["restore", file.path, "--data-dir", source.dataDirectory.path])
        #expect(there.status == 1)
        #expect(there.errors.contains("plumb down"), "\(there.all)")
        let other: URL = source.folder.appendingPathComponent("other")
        try FileManager.default.createDirectory(at: other, withIntermediateDirectories: true)
        try Data("mine".utf8).write(to: other.appendingPathComponent("file"))
        let taken: Finished = try await run(Programs.path("plumb"), ["restore", file.path, "--data-dir", other.path])
        #expect(taken.status == 1)
        #expect(taken.errors.contains("--force"), "\(taken.all)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: other.path) == ["file"])
    }

    // MARK: The questions

    private func answers(
        of platform: Platform, to edge: Timestamp, _ numbers: DataOfEveryKind
    ) async throws -> [String: JSONValue] {
        let (at, from): (String, String) = (edge.rfc3339, (edge - .minutes(10)).rfc3339)
        let seconds: String = "\(edge.seconds)"
        func encoded(_ text: String) -> String {
            text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        }
        var answers: [String: JSONValue] = [:]
        let instants: [String] = [
            "drill_value", "sum(drill_value)", "rate(drill_total[5m])", "max_over_time(drill_value[10m])",
            "count_over_time(drill_total[5m])", "quantile(0.9, drill_value)", "drill_value > 3",
            "sum by (host) (count_over_time(drill_value[10m]))",
        ]
        for expression in instants {
            answers[expression] = try await platform.get("/api/v1/query?query=\(encoded(expression))&time=\(seconds)")[
                "data"]
        }
        for expression in ["drill_value", "increase(drill_total[2m])"] {
            answers["range \(expression)"] = try await platform.get(
                "/api/v1/query_range?query=\(encoded(expression))&start=\(edge.seconds - 300)&end=\(seconds)&step=15")[
                    "data"]
        }
        let span = "from=\(encoded(from))&to=\(encoded(at))"
        for (name, path, field) in [
            ("log lines", "/api/v1/logs?host=drill-1&\(span)&limit=100", "lines"),
            ("log errors", "/api/v1/logs?host=drill-1&level=error&\(span)", "lines"),
            ("log search", "/api/v1/logs?text=\(encoded("number 17"))&host=drill-1&\(span)", "lines"),
            ("events", "/api/v1/events?source=drill&\(span)&limit=100", "events"),
            ("event counts", "/api/v1/events/counts?source=drill&\(span)&by=type&bucket=1d", "counts"),
            ("series", "/api/v1/series?match%5B%5D=drill_value&start=\(edge.seconds - 600)&end=\(seconds)", "data"),
            ("label values", "/api/v1/label/zone/values", "data"),
            ("alert history", "/api/v1/alerts/history?to=\(encoded(at))", "history"),
        ] {
            let answer: JSONValue = try await platform.get(path)
            answers[name] = answer[field] ?? answer
            #expect(answer[field] != nil, "\(name): \(answer)")
        }
        // What git declares, as it runs.
        let resources: [JSONValue] = try await platform.get("/v1/config")["resources"]?.array ?? []
        answers["config"] = .array(
            resources.map {
                .string("\($0["kind"]?.string ?? "")/\($0["name"]?.string ?? "") \($0["digest"]?.string ?? "")")
            })
        answers["reports"] = .array(
            try await platform.reports().filter {
                $0["finishedAt"]?.string.flatMap { Timestamp(rfc3339: $0) }.map { $0 < edge } ?? false
                    && $0["outcome"]?.string != "inSync"
            }.compactMap { $0["id"] })
        return answers
    }
}

/// What the drill stores, so that every answer is about something.
private struct DataOfEveryKind {
    static func store(in platform: Platform) async throws -> DataOfEveryKind {
        let now = Timestamp(seconds: Date().timeIntervalSince1970.rounded(.down))
        for host in ["drill-1", "drill-2"] {
            let token: String = try await platform.mint(subject: host, scope: "ingest", host: host)
            var metrics: [JSONValue] = []
            for step in 0..<100 {
                let time: Timestamp = now - .seconds(Int64(400 - step * 4))
                for (name, value) in [("drill_value", Double(step % 7) + 0.25), ("drill_total", Double(step * 3))] {
                    metrics.append([
                        "time": .time(time), "name": .string(name), "value": .number(value),
                        "labels": ["zone": .string("z\(step % 2)")],
                    ])
                }
            }
            let stored = try await platform.request(
                .POST, "/api/v1/metrics", token: token, json: ["host": .string(host), "metrics": .array(metrics)])
            #expect(stored.status == 202, "\(stored.body)")
            let entries: [JSONValue] = (0..<50).map { number in
                [
                    "time": .time(now - .seconds(Int64(100 - number))), "message": .string("line number \(number)"),
                    "level": number.isMultiple(of: 10) ? "error" : "info", "fields": ["n": .integer(number)],
                ]
            }
            let logged = try await platform.request(
                .POST, "/api/v1/logs", token: token, json: ["entries": .array(entries), "key": "drill"])
            #expect(logged.status == 202, "\(logged.body)")
        }
        let token: String = try await platform.mint(subject: "shop", scope: "events")
        let events: [JSONValue] = (0..<30).map { number in
            [
                "id": .string("e\(number)"), "time": .time(now - .seconds(Int64(number))), "source": "drill",
                "type": number.isMultiple(of: 3) ? "refund" : "sale", "payload": ["n": .integer(number)],
            ]
        }
        let sent = try await platform.request(.POST, "/api/v1/events", token: token, json: ["events": .array(events)])
        #expect((200..<300).contains(sent.status), "\(sent.body)")
        return DataOfEveryKind()
    }

    let manifests = """
        apiVersion: plumbline/v1
        kind: AlertRule
        metadata:
          name: drill
        spec:
          expr: vector(1)
          every: 1s
          severity: warning
          notifiers: [nobody]
        ---
        apiVersion: plumbline/v1
        kind: Notifier
        metadata:
          name: nobody
        spec:
          type: webhook
          url: http://127.0.0.1:9/

        """
}
