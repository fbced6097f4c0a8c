import Declarations
import Manifests
import Testing

/// The workflow that people copy into their config repository.
@Suite struct WorkflowTests {
    private func workflow() throws -> Node {
        let text: String = try SourceFiles.text("docs/examples/status-page.yml")
        let composed = composeManifest(file: "status-page.yml", bytes: Array(text.utf8))
        #expect(composed.problems.isEmpty, "\(composed.problems)")
        return try #require(composed.documents.first).root
    }

    // Shows F-LG-06
    @Test func itRunsOnlyWhenThePageChangesAndOnASchedule() throws {
        let triggers: Node = try #require(try workflow()["on"])
        #expect(triggers.keys == ["push", "schedule", "workflow_dispatch"])
        #expect(triggers["push"]?["branches"]?.texts == ["main"])
        #expect(triggers["push"]?["paths"]?.texts == ["status-pages/**", ".github/workflows/status-page.yml"])
        #expect(triggers["schedule"]?.items.first?["cron"]?.text == "*/15 * * * *")
    }

    // Shows F-LG-06
    @Test func eachJobHasTheLeastRights() throws {
        let workflow: Node = try self.workflow()
        #expect(workflow["permissions"]?.keys == [])
        let jobs: Node = try #require(workflow["jobs"])
        #expect(jobs.keys == ["build", "publish"])
        #expect(jobs["build"]?["permissions"]?.keys == [])
        let publish: Node = try #require(jobs["publish"]?["permissions"])
        #expect(publish.keys == ["pages", "id-token"])
        #expect(publish.keys.map { publish[$0]?.text } == ["write", "write"])
        for job in jobs.keys { #expect(jobs[job]?["timeout-minutes"] != nil, "\(job)") }
    }

    @Test func theTokenIsInNoCommandLineAndEveryActionHasAVersion() throws {
        let jobs: Node = try #require(try workflow()["jobs"])
        let steps: [Node] = jobs.keys.flatMap { jobs[$0]?["steps"]?.items ?? [] }
        #expect(steps.count >= 5)
        for step in steps {
            if let command = step["run"]?.text { #expect(!command.contains("secrets.")) }
            if let action = step["uses"]?.text { #expect(action.contains(/@v\d+$/), "\(action)") }
        }
        let commands: [String] = steps.compactMap { $0["run"]?.text }
        let build: String = try #require(commands.first)
        #expect(build.contains("plumb-page build --server \"$PLUMB_SERVER\" --token-file"))
        // A page that says that its data are old is published as well.
        #expect(build.contains("-ne 5"))
    }
}

extension Node {
    fileprivate subscript(key: String) -> Node? {
        guard case .mapping(let entries, _) = self else { return nil }
        return entries.first { $0.key.text == key }?.value
    }

    fileprivate var keys: [String] {
        guard case .mapping(let entries, _) = self else { return ["not a mapping"] }
        return entries.compactMap(\.key.text)
    }

    fileprivate var text: String? { if case .scalar(let text, _, _) = self { text } else { nil } }
    fileprivate var items: [Node] { if case .sequence(let items, _) = self { items } else { [] } }
    fileprivate var texts: [String] { items.compactMap(\.text) }
}
