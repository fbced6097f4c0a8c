import GitStore
import Telemetry
import TestSupport
import Testing

@Suite("Commits and history")
struct HistoryTests {
    @Test func aCommitTellsWhoWhenAndWhy() async throws {
        let remote = try await TestGitRepository()
        let first: String = try await remote.commit(["a.yaml": "a\n"])
        let message = "Raise the threshold\n\nIt fired at night.\n\nPlumbline-Allow: prune\nplumbline-allow: adopt\n"
        try await remote.commit(
            ["a.yaml": "b\n"], message: message, author: "Grace Höpper", email: "grace@example.org",
            date: "2026-05-06T07:08:09+02:00")
        let fixture = try StoreFixture()
        let head = try await fixture.fetch(remote).head

        let commit = try await fixture.store.commit(head)

        #expect(commit.author == GitCommit.Person(name: "Grace Höpper", email: "grace@example.org"))
        #expect(commit.authoredAt == Timestamp(rfc3339: "2026-05-06T05:08:09Z"))
        #expect(commit.committedAt == commit.authoredAt)
        #expect(commit.parents.map(\.hex) == [first])
        #expect(commit.subject == "Raise the threshold")
        #expect(commit.message == message)
        #expect(commit.trailers("Plumbline-Allow") == ["prune", "adopt"])
        #expect(try await fixture.store.commit(id(first)).trailers("Plumbline-Allow").isEmpty)
    }

    @Test func revisionsAreFoundByIdStartBranchAndExpression() async throws {
        let remote = try await TestGitRepository()
        let first: String = try await remote.commit(["a.yaml": "a\n"])
        let second: String = try await remote.commit(["a.yaml": "b\n"])
        let fixture = try StoreFixture()
        _ = try await fixture.fetch(remote)

        for (revision, expected) in [
            (first, first), (String(first.prefix(8)), first), ("main", second), ("main~1", first), ("HEAD^", first),
            ("HEAD", second),
        ] {
            #expect(try await fixture.store.resolve(revision).hex == expected, "\(revision)")
        }
        for revision in ["absent", "main~9", String(repeating: "0", count: 40), "HEAD:a.yaml", "", "-x", "a..b"] {
            let error = try await gitError { try await fixture.store.resolve(revision) }
            #expect(error?.code == .revisionNotFound, "\(revision): \(String(describing: error))")
        }
    }

    @Test func aCommitThatTheStoreLacksIsSaidToBeMissing() async throws {
        let remote = try await TestGitRepository()
        try await remote.commit(["a.yaml": "a\n"])
        let blob: String = try await remote.git("rev-parse", "HEAD:a.yaml")
        let fixture = try StoreFixture()
        let before = try await gitError { try await fixture.store.resolve("main") }
        #expect(before?.code == .revisionNotFound)
        let head = try await fixture.fetch(remote).head
        let absent = try id(String(repeating: "ab", count: 20))

        let errors = [
            try await gitError { try await fixture.store.commit(absent) },
            try await gitError { try await fixture.store.tree(of: absent) },
            try await gitError { try await fixture.store.commit(id(blob)) },
            try await gitError { try await fixture.store.isDescendant(head, of: absent) },
            try await gitError { try await fixture.store.isDescendant(absent, of: head) },
            try await gitError { try await fixture.store.commits(after: absent, through: head) },
            try await gitError { try await fixture.store.sources(at: absent, of: []) },
        ]

        #expect(errors.map { $0?.code } == Array(repeating: .revisionNotFound, count: errors.count))
        #expect(try await fixture.fetch(remote).rebuilt == nil)
    }

    @Test func aRangeCountsMergedCommitsAndEndsAtItsLimit() async throws {
        let remote = try await TestGitRepository()
        let base: String = try await remote.commit(["a.yaml": "a\n"])
        try await remote.git("checkout", "-q", "-b", "side")
        let side: String = try await remote.commitLocally(["b.yaml": "b\n"], date: "2026-01-03T00:00:00Z")
        try await remote.git("checkout", "-q", "main")
        let main: String = try await remote.commitLocally(["c.yaml": "c\n"], date: "2026-01-04T00:00:00Z")
        try await remote.git("merge", "-q", "--no-ff", "-m", "Merge side", "side")
        try await remote.push()
        let fixture = try StoreFixture()
        let head = try await fixture.fetch(remote).head

        let range = try await fixture.store.commits(after: id(base), through: head)
        #expect(range.commits.map(\.id.hex) == [head.hex, main, side])
        let short = try await fixture.store.commits(after: nil, through: head, atMost: 2)
        #expect(short.commits.count == 2)
        #expect(short.isTruncated)
        #expect(try await fixture.store.isDescendant(head, of: id(side)))
        #expect(try await fixture.store.isDescendant(head, of: head))
    }

    /// Where commits behind the accepted one cannot be read, the list of new ones is not known, and never empty.
    @Test func aRangeThatCannotBeReadToItsEndIsAnError() async throws {
        let remote = try await TestGitRepository()
        let ancestor: String = try await remote.commit(["a.yaml": "a\n"])
        let accepted: String = try await remote.commit(["a.yaml": "b\n"])
        try await remote.commit(["a.yaml": "c\n"])
        let fixture = try StoreFixture()
        let head = try await fixture.fetch(remote).head
        #expect(try await fixture.store.commits(after: id(accepted), through: head).commits.count == 1)
        try await fixture.lose(ancestor)

        let error = try await gitError { try await fixture.store.commits(after: id(accepted), through: head) }
        #expect(error?.code == .corrupt, "\(String(describing: error))")
    }

    @Test func theSourceOfAFileIsTheCommitThatLastChangedIt() async throws {
        let remote = try await TestGitRepository()
        let first: String = try await remote.commit(["config/a.yaml": "a\n", "config/b.yaml": "b\n"])
        let second: String = try await remote.commit(["config/b.yaml": "b2\n"])
        try await remote.commit(["README.md": "x"])
        try await remote.git("checkout", "-q", "-b", "side", first)
        let side: String = try await remote.commitLocally(["config/x/c.yaml": "c\n"], author: "Grace")
        try await remote.git("checkout", "-q", "main")
        try await remote.git("merge", "-q", "--no-ff", "-m", "Merge side", "side")
        try await remote.push()
        let fixture = try StoreFixture()
        let head = try await fixture.fetch(remote).head

        let sources = try await fixture.store.sources(
            at: head, root: "config",
            of: ["a.yaml", "b.yaml", "x/c.yaml", "absent.yaml"].map { SourceQuestion(path: $0) })

        #expect(sources.answers.map { $0?.hex } == [first, second, side, nil])
        #expect(sources.commit(2)?.author.name == "Grace")
    }

    @Test func theSourceOfLinesIsTheCommitThatWroteThemHoweverTheyMoved() async throws {
        let (one, two, three) = ("kind: A\nname: one\n", "kind: B\nname: two\n", "kind: C\nname: three\n")
        let remote = try await TestGitRepository()
        let first: String = try await remote.commit(["all.yaml": "\(one)---\n\(two)"])
        let second: String = try await remote.commit(["all.yaml": "\(three)---\n\(two)---\n\(one)"])
        let changed = "kind: B\nname: two\nextra: 1\n"
        let third: String = try await remote.commit(["all.yaml": "\(three)---\n\(changed)---\n\(one)"])
        let fixture = try StoreFixture()
        let head = try await fixture.fetch(remote).head

        let sources = try await fixture.store.sources(
            at: head,
            of: [
                SourceQuestion(path: "all.yaml", lines: 1...3), SourceQuestion(path: "all.yaml", lines: 4...7),
                SourceQuestion(path: "all.yaml", lines: 8...9), SourceQuestion(path: "all.yaml"),
                SourceQuestion(path: "all.yaml", lines: 900...901),
            ])

        #expect(sources.answers.map { $0?.hex } == [second, third, first, third, third])
    }

    @Test func aSearchEndsAtItsLimitsWithoutAnAnswer() async throws {
        let remote = try await TestGitRepository()
        try await remote.commitLocally(["old.yaml": "a\n"])
        for index in 1...5 { try await remote.commitLocally(["new.yaml": "\(index)\n"]) }
        try await remote.push()
        var limits = GitLimits()
        limits.searchedCommits = 3
        let fixture = try StoreFixture(limits: limits)
        let head = try await fixture.fetch(remote).head

        let sources = try await fixture.store.sources(
            at: head, of: [SourceQuestion(path: "new.yaml"), SourceQuestion(path: "old.yaml")])

        #expect(sources.answers == [head, nil])
    }
}
