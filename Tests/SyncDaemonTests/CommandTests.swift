import Declarations
import SyncDaemon
import TestSupport
import Testing

/// The built program, from outside.
@Suite struct CommandTests {
    // Shows F-GO-03
    @Test func validateReportsEveryProblemWithItsPlace() async throws {
        let folder = try TemporaryFolder()
        try folder.write(retentionText("30d") + "\n  kep: 1d\n", to: "a.yaml")
        try folder.write(groupText(hosts: "12"), to: "deep/b.yml")
        try folder.write("nonsense: [", to: ".github/c.yaml")
        try folder.write("nonsense: [", to: "ignored/d.yaml")
        try folder.write("ignored/\n", to: ".plumbignore")
        let result = try await gitopsSync("validate", folder.path)
        #expect(result.status == 1)
        #expect(result.output.contains("a.yaml:9:3: "))
        #expect(result.output.contains("deep/b.yml:6:10: "))
        #expect(!result.output.contains("nonsense") && !result.output.contains("c.yaml"))
        let json = try JSONValue(parsing: try await gitopsSync("validate", folder.path, "--output", "json").output)
        #expect(json["valid"] == false)
        #expect(json["problems"]?.array?.count == 2)
    }

    @Test func validateTakesAGoodFolderWithoutAnyConfig() async throws {
        let folder = try TemporaryFolder()
        try folder.write(retentionText("30d"), to: "a.yaml")
        let result = try await gitopsSync("validate", folder.path)
        #expect(result.status == 0)
        #expect(result.output == "valid: 1 resource in 1 file\n")
    }

    /// The list is the machine's: without one the shipped units are allowed.
    @Test func whichUnitsMayBeDeclaredIsSaidByTheBootstrapConfig() async throws {
        let folder = try TemporaryFolder()
        try folder.write(
            "apiVersion: plumbline/v1\nkind: Unit\nmetadata: {name: a}\nspec: {unit: ssh.service, enabled: true}\n",
            to: "config/a.yaml")
        let without = try await gitopsSync("validate", folder("config"), "--config", folder("none"))
        #expect(without.status == 1)
        #expect(without.output.contains("a.yaml:1:1: Unit/a: ssh.service is not among the units"))
        let bootstrap: String = try folder.write(
            "repository: {url: /srv/config.git}\nserver: {url: 'http://127.0.0.1:1'}\nunits: {allow: 'ssh.*'}\n",
            to: "gitops-sync.yaml")
        #expect(try await gitopsSync("validate", folder("config"), "--config", bootstrap).status == 0)
    }

    @Test func expressionsAreCheckedToo() async throws {
        let folder = try TemporaryFolder()
        try folder.write(
            """
            apiVersion: plumbline/v1
            kind: AlertRule
            metadata: {name: a}
            spec:
              expr: rate(up
            """, to: "a.yaml")
        let result = try await gitopsSync("validate", folder.path)
        #expect(result.status == 1)
        #expect(result.output.contains("a.yaml:5:9: "))
    }

    @Test func aHookCanCheckWhatIsOnlyBeingPushed() async throws {
        let repository = try await TestGitRepository()
        let program = try BuiltPrograms.path("gitops-sync")
        let hook = """
            #!/bin/sh
            while read -r old new ref; do
                '\(program)' validate --git-dir '\(repository.path)' --rev "$new" 2>&1 </dev/null || exit 1
            done
            """
        let scripts = try TemporaryFolder()
        let script = try scripts.write(hook, to: "pre-receive", mode: 0o755)
        try await TestGitRepository.git(["config", "core.hooksPath", scripts.path], in: repository.path)
        _ = script
        try await repository.commit(["a.yaml": retentionText("30d")])
        try await repository.commitLocally(["a.yaml": retentionText("soon")])
        do {
            try await repository.push()
            Issue.record("the push was taken")
        } catch let error as TestSupportError {
            #expect(error.description.contains("a.yaml:8:9: "))
        }
        try await repository.commitLocally(["a.yaml": retentionText("40d")])
        try await repository.push()
    }

    @Test func wrongUsageIsStatus64AndAMissingConfigIsStatus1() async throws {
        #expect(try await gitopsSync("frobnicate").status == 64)
        #expect(try await gitopsSync("history", "--limit", "0").status == 64)
        #expect(try await gitopsSync("schema", "Nonsense").status == 64)
        let missing = try await gitopsSync("plan", "--config", "/nonexistent/sync.yaml")
        #expect(missing.status == 1)
        #expect(missing.errors.contains("/nonexistent/sync.yaml"))
    }

    @Test func theSchemaIsJSON() async throws {
        let whole = try JSONValue(parsing: try await gitopsSync("schema").output)
        #expect(whole["$defs"]?["Retention"] != nil)
        let one = try JSONValue(parsing: try await gitopsSync("schema", "Retention").output)
        #expect(one["properties"]?["keep"] != nil)
    }

    @Test func onceSaysThatTheServerIsAwayAndLeavesARecord() async throws {
        let repository = try await TestGitRepository()
        try await repository.commit(["a.yaml": retentionText("30d")])
        let folder = try TemporaryFolder()
        let config = try folder.write(
            """
            repository:
              url: \(repository.url)
            server:
              url: http://127.0.0.1:1
            stateDirectory: \(folder("state"))
            controlSocket: \(folder("control.sock"))
            """, to: "sync.yaml")
        let once = try await gitopsSync("once", "--config", config, "--output", "json")
        #expect(once.status == 5)
        let report = try JSONValue(parsing: once.output)
        #expect(report["outcome"] == "incomplete")
        let history = try JSONValue(
            parsing: try await gitopsSync("history", "--config", config, "--output", "json").output)
        #expect(history["reports"]?.array?.first?["id"] == report["id"])
        #expect(try await gitopsSync("status", "--config", config).output.contains("not running"))
        #expect(try await gitopsSync("report", "--config", config).output.hasPrefix("incomplete"))
        #expect(try await gitopsSync("plan", "--config", config).status == 1)
        #expect(try await gitopsSync("sync", "--config", config).status == 1)
    }
}
