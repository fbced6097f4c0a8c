import Declarations
import Foundation
import NIOHTTP1
import Telemetry
import Testing

/// The config repository of the scenario: a pipeline, a log source and a status page, one knob of each.
private struct Config {
    /// Where the type of an event stands in its document.
    var typePointer = "/kind"
    var logFile = "first.log"
    var components = ["Measurement"]
    let inbox: String
    let logs: String

    var files: [String: String?] {
        [
            "collectors/load.yaml": """
            apiVersion: plumbline/v1
            kind: Collector
            metadata:
              name: load
            spec:
              source: load
              interval: 1s

            """,
            "pipelines/orders.yaml": """
            apiVersion: plumbline/v1
            kind: Pipeline
            metadata:
              name: orders
            spec:
              source:
                file: {path: "\(inbox)/*.ndjson"}
              every: 1s
              mapping:
                source: {default: shop}
                type: {from: [\(typePointer)]}
                id: {from: [/id]}

            """,
            "log-sources/app.yaml": """
            apiVersion: plumbline/v1
            kind: LogSource
            metadata:
              name: app
            spec:
              files: ["\(logs)/\(logFile)"]

            """,
            "status-pages/status.yaml": """
            apiVersion: plumbline/v1
            kind: StatusPage
            metadata:
              name: status
            spec:
              title: The shop
              components:
            \(components.map { "    - {name: \"\($0)\", query: \"count(node_load1) > bool 0\"}" }.joined(separator: "\n"))

            """,
        ]
    }
}

@Suite(.serialized) struct WholePlatformTests {
    // Shows F-ET-04, F-GO-03, F-GO-06, F-GO-14, F-LG-05, W-B-10, W-B-19
    @Test(.timeLimit(.minutes(6)))
    func `one commit changes a pipeline, a log source and a status page, and drift of each is corrected`()
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
        let inbox: URL = try folder("inbox", platform)
        let logs: URL = try folder("app", platform)
        var config = Config(inbox: inbox.path, logs: logs.path)
        try await start(platform, config)

        try append(order("a"), inbox, "one.ndjson")
        try append("\(now) INFO: the first line", logs, "first.log")
        try append("\(now) INFO: not asked for", logs, "second.log")
        #expect(try await typeOfEvent("a", platform) == "old")
        try await platform.waitForLine("the first line")
        #expect(try await page(platform, inbox).contains("Measurement"))

        config.typePointer = "/event"
        config.logFile = "second.log"
        config.components = ["Measurement", "Checkout"]
        try await oneCommitSteersThreeParts(platform, config)
        try append(order("b"), inbox, "one.ndjson")
        try append("\(now) INFO: the second line", logs, "second.log")
        #expect(try await typeOfEvent("b", platform) == "new")
        #expect(try await typeOfEvent("a", platform) == "old")
        try await platform.waitForLine("the second line")
        #expect(try await page(platform, inbox).contains("Checkout"))

        try await driftIsAttributedAndCorrected(platform)
        try append(order("c"), inbox, "one.ndjson")
        #expect(try await typeOfEvent("c", platform) == "new")
        #expect(try await page(platform, inbox).contains("Checkout"))
    }

    /// Replaces the starter set with the scenario's.
    private func start(_ platform: Platform, _ config: Config) async throws {
        for entry in try FileManager.default.contentsOfDirectory(atPath: platform.clone.path) where entry != ".git" {
            try FileManager.default.removeItem(at: platform.clone.appendingPathComponent(entry))
        }
        try await platform.commit(
            config.files, message: "Start with four resources\n\nPlumbline-Allow: prune, retention")
        let push: Finished = try await platform.push()
        #expect(push.status == 0, "\(push.all)")
        #expect(push.all.contains("applied"), "\(push.all)")
    }

    private func oneCommitSteersThreeParts(_ platform: Platform, _ config: Config) async throws {
        let before: Set<String> = try await platform.reportIdentifiers()
        try await platform.commit(config.files, message: "Change one knob of each")
        let push: Finished = try await platform.push()
        #expect(push.status == 0, "\(push.all)")
        let report: JSONValue = try await platform.report("applied", since: before)
        let changed: [String] = (report["changes"]?.array ?? []).map {
            "\($0["target"]?.string ?? ""): \($0["kind"]?.string ?? "")/\($0["name"]?.string ?? "")"
        }
        #expect(changed.sorted() == ["proxy: Pipeline/orders", "server: LogSource/app", "server: StatusPage/status"])
    }

    private func driftIsAttributedAndCorrected(_ platform: Platform) async throws {
        let before: Set<String> = try await platform.reportIdentifiers()
        try await platform.operatorSQL(
            """
            UPDATE plumbline_proxy.resources SET spec = jsonb_set(spec, '{mapping,type,from}', '["/kind"]')
            WHERE kind = 'Pipeline'
            """)
        try await platform.operatorSQL(
            """
            UPDATE plumbline.resources SET spec = jsonb_set(spec, '{files}', '["/nowhere/*.log"]')
            WHERE kind = 'LogSource'
            """)
        try await platform.operatorSQL(
            """
            UPDATE plumbline.resources SET spec = jsonb_set(spec, '{title}', '"Hacked"') WHERE kind = 'StatusPage'
            """)
        let entries: [JSONValue] = try await eventually("three drift entries") {
            let entries: [JSONValue] = try await platform.changes(causedBy: "drift", since: before)
            return Set(entries.compactMap { $0["kind"]?.string }).count == 3 ? entries : nil
        }
        for (kind, path) in [("Pipeline", "/mapping/type/from"), ("LogSource", "/files"), ("StatusPage", "/title")] {
            let entry: JSONValue = try #require(entries.first { $0["kind"]?.string == kind })
            #expect(entry["result"]?.string == "applied", "\(entry)")
            #expect(entry["fields"]?.array?.compactMap { $0["path"]?.string } == [path], "\(entry)")
            #expect(entry["changedBy"]?["who"]?.string == "operator", "\(entry)")
            #expect(entry["changedBy"]?["via"]?.string == "sql", "\(entry)")
        }
        _ = try await eventually("drift says none") { try await platform.gitopsSync("drift").status == 0 ? true : nil }
    }

    // MARK: Effects

    private var now: Timestamp { Timestamp(seconds: Date().timeIntervalSince1970) }

    /// A document in which two fields could be the event's type.
    private func order(_ id: String) -> String {
        #"{"id": "\#(id)", "timestamp": "\#(now)", "kind": "old", "event": "new"}"#
    }

    private func typeOfEvent(_ id: String, _ platform: Platform) async throws -> String {
        try await eventually("event \(id) is there") {
            try await platform.get("/api/v1/events?source=shop")["events"]?.array?
                .first { $0["id"]?.string == id }?["type"]?.string
        }
    }

    /// The status page as it is published now.
    private func page(_ platform: Platform, _ folder: URL) async throws -> String {
        let output: URL = folder.deletingLastPathComponent().appendingPathComponent("public")
        try await require(
            Programs.path("plumb-page"),
            ["build", "--data-dir", platform.dataDirectory.path, "--output", output.path])
        let index: String = try String(contentsOf: output.appendingPathComponent("index.html"), encoding: .utf8)
        #expect(index.contains("The shop"))
        return index
    }

    private func folder(_ name: String, _ platform: Platform) throws -> URL {
        let folder: URL = platform.folder.appendingPathComponent(name)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return folder
    }

    private func append(_ line: String, _ folder: URL, _ name: String) throws {
        let file: URL = folder.appendingPathComponent(name)
        if !FileManager.default.fileExists(atPath: file.path) {
            _ = FileManager.default.createFile(atPath: file.path, contents: nil)
        }
        let handle = try FileHandle(forWritingTo: file)
        defer { try? handle.close() }
        try handle.seekToEnd()
        try handle.write(contentsOf: Data((line + "\n").utf8))
    }
}

extension Platform {
    fileprivate func waitForLine(_ text: String) async throws {
        let encoded: String = text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        _ = try await eventually("the line is found: \(text)") {
            try await get("/api/v1/logs?text=\(encoded)")["lines"]?.array?.first
        }
    }
}
