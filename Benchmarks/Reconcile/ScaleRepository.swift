import Operator
import PlatformClient
import Runtime

/// A clone of a platform's config repository that declares many alert rules.
struct ScaleRepository: Sendable {
    let clone: String
    let resources: Int

    /// A tree holds 10,000 files, and people do not give each rule one of its own.
    private static let rulesOfFile = 100

    /// Clones, and writes the rules.
    static func make(_ directory: DataDirectory, resources: Int) async throws -> ScaleRepository {
        let clone: String = directory.path + "/clone"
        try await CommandRunner().run("git", ["clone", "--quiet", directory.configRepository, clone])
        try Files.createFolder(clone + "/bench")
        let repository = ScaleRepository(clone: clone, resources: resources)
        for first in stride(from: 0, to: resources, by: rulesOfFile) { try repository.write(first, bound: first) }
        return repository
    }

    /// Writes the file that a rule is in, the rule with another bound than its own.
    func write(_ changed: Int, bound: Int) throws {
        let first: Int = changed / Self.rulesOfFile * Self.rulesOfFile
        let rules: [String] = (first..<min(first + Self.rulesOfFile, resources)).map {
            Self.rule($0, bound: $0 == changed ? bound : $0)
        }
        try Files.write(rules.joined(separator: "---\n").utf8, to: "\(clone)/bench/rules-\(first).yaml")
    }

    func commit(_ message: String) async throws {
        let author: [String] = ["-c", "user.name=plumb-bench", "-c", "user.email=plumb-bench@localhost"]
        try await git(["add", "--all"])
        try await git(author + ["commit", "--quiet", "--message", message])
    }

    func push(to branch: String = "HEAD") async throws { try await git(["push", "--quiet", "origin", branch]) }

    private func git(_ arguments: [String]) async throws {
        try await CommandRunner(workingDirectory: clone).run("git", arguments)
    }

    static func expression(bound: Int) -> String { "node_load1 > \(1_000_000 + bound)" }

    static func summary(_ number: Int) -> String {
        "{{ $labels.host }}: load of {{ $value }} passes the bound of rule \(number)"
    }

    /// Evaluated rarely: this is not about evaluation.
    private static func rule(_ number: Int, bound: Int) -> String {
        """
        apiVersion: plumbline/v1
        kind: AlertRule
        metadata:
          name: bench-\(number)
        spec:
          expr: \(expression(bound: bound))
          for: 10m
          every: 1h
          severity: info
          annotations:
            summary: "\(summary(number))"

        """
    }
}
