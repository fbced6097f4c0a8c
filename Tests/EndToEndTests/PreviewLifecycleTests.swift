import Declarations
import Foundation
import Testing

/// Branches that are planned by a whole platform, and a hostile one among them.
extension PlatformLifecycleTests {
    // Shows F-GO-16
    @Test(.timeLimit(.minutes(6)))
    func `branches are planned without being enforced, and the plans are at the server`() async throws {
        try await withPlatform { platform in
            try await platform.git("checkout", "-q", "-b", "plan/longer")
            try await platform.commit(
                ["retentions/metrics.yaml": Drift.retentionManifest("40d")], message: "Keep more")
            try await platform.git("push", "-q", "origin", "plan/longer")
            let head: String = try await platform.git("rev-parse", "HEAD").trimmingCharacters(
                in: .whitespacesAndNewlines)
            try await platform.git("checkout", "-q", "-b", "plan/broken", "main")
            try await platform.commit(["retentions/metrics.yaml": "kind: [\n"], message: "Break it")
            try await platform.git("push", "-q", "origin", "plan/broken")

            let before: Set<String> = try await platform.reportIdentifiers()
            try await platform.configureSync(
                replacing: "mode: enforce", with: "mode: enforce", extra: "previews: [\"plan/*\"]\n")
            let previews: [JSONValue] = try await eventually("both branches are planned", within: 90) {
                let found: [JSONValue] =
                    try await platform.get("/api/v1/previews")["sources"]?.array?.first?["previews"]?.array ?? []
                return found.count == 2 ? found : nil
            }
            #expect(previews.map { $0["branch"]?.string } == ["plan/broken", "plan/longer"])
            #expect(previews.map { $0["verdict"]?.string } == ["invalid", "changes"], "\(previews)")
            #expect(previews[1]["head"]?.string == head)
            #expect(previews[1]["report"]?["changes"]?.array?.first?["name"]?.string == "metrics")

            let shown: Finished = try await platform.gitopsSync("plan", "--preview", "plan/longer")
            #expect(shown.status == 2)
            #expect(shown.all.contains("/keep: \"30d\" → \"40d\""), "\(shown.all)")
            #expect(try await platform.gitopsSync("previews").all.contains("plan/broken"))
            #expect(try await platform.resource("Retention", "metrics")?["spec"]?["keep"]?.string == "30d")
            let new: [JSONValue] = try await platform.reports().filter { !before.contains($0["id"]?.string ?? "") }
            #expect(new.allSatisfy { $0["outcome"]?.string != "refused" })
        }
    }
}
