import Glibc
import Operator
import Runtime
import Testing

/// Real pushes into a repository with the real hooks; gitops-sync is a script that says what it was asked.
@Suite struct HookTests {
    private static let author: [String: String?] = [
        "GIT_AUTHOR_NAME": "A Tester", "GIT_AUTHOR_EMAIL": "tester@example.org", "GIT_COMMITTER_NAME": "A Tester",
        "GIT_COMMITTER_EMAIL": "tester@example.org", "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null",
    ]

    private struct World {
        var folder: String
        var repository: ConfigRepository
        var git: CommandRunner

        func push(_ arguments: String...) async throws -> CommandRunner.Outcome {
            try await git.outcome("git", ["push"] + arguments)
        }

        func commit(_ name: String, _ content: String) async throws {
            try Files.write(content.utf8, to: "\(folder)/clone/\(name)")
            try await git.run("git", ["add", "--all"])
            try await git.run("git", ["commit", "--quiet", "--message", "Change \(name)"])
        }

        var head: String {
            get async throws { try await git.run("git", ["--git-dir", repository.path, "rev-parse", "main"]).trimmed }
        }
    }

    /// The commit is valid unless a file of it holds BROKEN, which the script reads through git, from the quarantine.
    private static let sync = """
        case $1 in
        validate)
            [ "$2" = --git-dir ] && [ "$4" = --rev ] || exit 64
            if git -c safe.directory='*' --git-dir "$3" grep -q BROKEN "$5" --; then
                echo "collectors/cpu.yaml:3:5: unknown key \\"intervall\\""
                exit 1
            fi ;;
        sync)
            [ "$2 $3" = "--wait --config" ] || exit 64
            echo "plan for $(cat "$4") through $PLUMB_CONTROL_SOCKET"
            exit ${SYNC_STATUS:-0} ;;
        esac
        """

    private func withWorld(_ body: (World) async throws -> Void) async throws {
        try await withTemporaryFolder { temporary in
            // A blank and a quote: people have such folders.
            let folder = "\(temporary)/it's here"
            try Files.createFolder(folder)
            try writeScript(Self.sync, to: "\(folder)/gitops-sync")
            try Files.write("the config".utf8, to: "\(folder)/gitops-sync.yaml")
            let repository = ConfigRepository(path: "\(folder)/config.git")
            try await repository.createIfMissing(seed: [.init(path: "collectors/cpu.yaml", content: "interval: 10s\n")])
            try repository.install(
                HookScripts(
                    sync: "\(folder)/gitops-sync", syncConfig: "\(folder)/gitops-sync.yaml",
                    repository: repository.path, branch: "main",
                    environment: ["PLUMB_CONTROL_SOCKET": "/run/it's/socket"]))
            var git = CommandRunner(environment: Self.author)
            try await git.run("git", ["clone", "--quiet", repository.path, "\(folder)/clone"])
            git.workingDirectory = "\(folder)/clone"
            try await body(World(folder: folder, repository: repository, git: git))
        }
    }

    @Test func aValidPushIsTakenAndShowsThePlan() async throws {
        try await withWorld { world in
            try await world.commit("collectors/cpu.yaml", "interval: 5s\n")
            let outcome = try await world.push()
            #expect(outcome.isSuccess, "\(outcome.error)")
            #expect(outcome.error.contains("plan for the config through /run/it's/socket"))
            #expect(try await world.head == world.git.run("git", ["rev-parse", "HEAD"]).trimmed)
        }
    }

    // Shows W-B-06
    @Test func aBrokenPushIsRejectedWithTheLinesOfTheCheck() async throws {
        try await withWorld { world in
            let before: String = try await world.head
            try await world.commit("collectors/cpu.yaml", "BROKEN\n")
            let outcome = try await world.push()
            #expect(!outcome.isSuccess)
            #expect(outcome.error.contains(#"collectors/cpu.yaml:3:5: unknown key "intervall""#))
            #expect(outcome.error.contains("nothing was changed"))
            #expect(!outcome.error.contains("plan for"))
            #expect(try await world.head == before)
        }
    }

    @Test func rewrittenHistoryIsRefused() async throws {
        try await withWorld { world in
            try await world.commit("a.yaml", "a: 1\n")
            #expect(try await world.push().isSuccess)
            let before: String = try await world.head
            try await world.git.run("git", ["reset", "--quiet", "--hard", "HEAD~1"])
            try await world.commit("b.yaml", "b: 1\n")
            let outcome = try await world.push("--force")
            #expect(!outcome.isSuccess)
            #expect(outcome.error.contains("not a fast-forward"))
            #expect(try await world.head == before)
        }
    }

    @Test func theBranchCannotBeDeleted() async throws {
        try await withWorld { world in
            try await world.git.run(
                "git", ["--git-dir", world.repository.path, "symbolic-ref", "HEAD", "refs/heads/x"])
            let outcome = try await world.push("origin", ":main")
            #expect(!outcome.isSuccess)
            #expect(outcome.error.contains("cannot be deleted"), "\(outcome.error)")
        }
    }

    @Test func otherBranchesAreNobodysConcern() async throws {
        try await withWorld { world in
            try await world.git.run("git", ["switch", "--quiet", "--create", "draft"])
            try await world.commit("draft.yaml", "BROKEN\n")
            let outcome = try await world.push("origin", "draft")
            #expect(outcome.isSuccess, "\(outcome.error)")
            #expect(!outcome.error.contains("plan for"))
            try await world.git.run("git", ["commit", "--quiet", "--amend", "--message", "Again"])
            #expect(try await world.push("--force", "origin", "draft").isSuccess)
        }
    }

    @Test func aPushSucceedsAlsoWhenGitopsSyncDoesNotRun() async throws {
        try await withWorld { world in
            var world: World = world
            world.git.environment["SYNC_STATUS"] = "1"
            try await world.commit("a.yaml", "a: 1\n")
            let outcome = try await world.push()
            #expect(outcome.isSuccess)
            #expect(outcome.error.contains("not live yet"))
        }
    }

    @Test func aCheckThatCannotRunRejects() async throws {
        try await withWorld { world in
            unlink("\(world.folder)/gitops-sync")
            try await world.commit("a.yaml", "a: 1\n")
            let outcome = try await world.push()
            #expect(!outcome.isSuccess)
            #expect(outcome.error.contains("could not be checked"))
        }
    }
}

@Suite struct ConfigRepositoryTests {
    @Test func itStartsWithOneCommitOfTheSeed() async throws {
        try await withTemporaryFolder { folder in
            let repository = ConfigRepository(path: "\(folder)/config.git")
            let seed: [ConfigRepository.SeedFile] = [
                .init(path: "alert-rules/cpu.yaml", content: "a: 1\n"), .init(path: "README.md", content: "# Hello\n"),
            ]
            let isNew: Bool = try await repository.createIfMissing(seed: seed)
            #expect(isNew)
            let git = CommandRunner()
            func ask(_ arguments: String...) async throws -> String {
                try await git.run(
                    "git", ["-c", "safe.directory=*", "--git-dir", repository.path] + arguments
                ).trimmed
            }
            #expect(try await ask("ls-tree", "-r", "--name-only", "main") == "README.md\nalert-rules/cpu.yaml")
            #expect(try await ask("show", "main:alert-rules/cpu.yaml") == "a: 1")
            #expect(try await ask("log", "--format=%an <%ae>") == "Plumbline <plumbline@localhost>")
            #expect(try await ask("rev-parse", "--is-bare-repository") == "true")
            #expect(!Files.exists("\(repository.path)/index"))
        }
    }

    @Test func whatIsThereIsKept() async throws {
        try await withTemporaryFolder { folder in
            let repository = ConfigRepository(path: "\(folder)/config.git")
            // What an interrupted start leaves.
            try Files.createFolder("\(folder)/config.git.new/objects")
            #expect(try await repository.createIfMissing(seed: [.init(path: "a.yaml", content: "a: 1\n")]))
            #expect(try await !repository.createIfMissing(seed: [.init(path: "b.yaml", content: "b: 1\n")]))
            #expect(!Files.exists("\(folder)/config.git.new"))
            let files: String = try await CommandRunner().run(
                "git", ["-c", "safe.directory=*", "--git-dir", repository.path, "ls-tree", "--name-only", "main"])
            #expect(files.trimmed == "a.yaml")
        }
    }
}
