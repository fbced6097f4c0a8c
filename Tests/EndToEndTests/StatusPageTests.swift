import Declarations
import Foundation
import Testing

/// The page that a commit declares, written by the real programs.
@Suite(.serialized) struct StatusPageTests {
    // Shows F-LG-05, W-B-19
    @Test(.timeLimit(.minutes(4)))
    func `the declared page is always there, follows git, and says when its data are old`() async throws {
        let platform = try await Platform.start()
        do {
            try await follow(platform)
            try await platform.dispose()
        } catch {
            try? await platform.dispose()
            throw error
        }
    }

    private func follow(_ platform: Platform) async throws {
        let watched: URL = platform.dataDirectory.appendingPathComponent("page/status/index.html")
        let page: String = try await eventually("plumb up writes the page", within: 60) {
            try? String(contentsOf: watched, encoding: .utf8)
        }
        #expect(page.contains("<h1>") && page.contains("Service status"))
        try await platform.commit(
            ["status-pages/status.yaml": Self.manifest], message: "Tell what is <new>")
        let pushed: Finished = try await platform.push()
        #expect(pushed.status == 0, "\(pushed.all)")

        let output: String = platform.folder.appendingPathComponent("public").path
        let built: Finished = try await build(platform, output)
        #expect(built.status == 0, "\(built.all)")
        let index: String = try text(output, "index.html")
        #expect(index.contains("Ada&#39;s status"))
        #expect(index.contains("Tell what is &lt;new&gt;"))
        #expect(index.contains("1 of 1 host reports"))
        let status: JSONValue = try JSONValue(parsing: try text(output, "status.json"))
        #expect(status["components"]?.array?.map { $0["state"]?.string } == ["up", "down", "unknown"])

        // What happened around the commit is one question.
        let around: Finished = try await platform.plumb("around", "1m", "ago", "--window", "2m")
        #expect(around.status == 0, "\(around.all)")
        #expect(around.output.contains("\"Tell what is <new>\" by Ada Example: applied"), "\(around.output)")

        try await platform.stop()
        let late: Finished = try await build(platform, output)
        #expect(late.status == 5, "\(late.all)")
        #expect(late.errors.contains("shows its last data"), "\(late.all)")
        #expect(try text(output, "index.html").contains("These data may be old."))
    }

    private func build(_ platform: Platform, _ output: String) async throws -> Finished {
        try await run(
            Programs.path("plumb-page"),
            ["build", "--output", output, "--data-dir", platform.dataDirectory.path])
    }

    private func text(_ folder: String, _ name: String) throws -> String {
        try String(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)"), encoding: .utf8)
    }

    private static let manifest = """
        apiVersion: plumbline/v1
        kind: StatusPage
        metadata:
          name: status
        spec:
          title: Ada's status
          commit: full
          components:
            - {name: Web, query: "1"}
            - {name: Mail, query: vector(0)}
            - {name: Other, query: nothing_has_this_name}

        """
}
