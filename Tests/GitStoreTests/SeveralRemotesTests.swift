import GitStore
import TestSupport
import Testing

@Suite("Several remotes")
struct SeveralRemotesTests {
    // Shows F-GO-01
    @Test func theFirstThatAnswersIsUsedAndTheOthersAreNamed() async throws {
        let repository = try await TestGitRepository()
        let head: String = try await repository.commit(["a.yaml": "a\n"])
        let fixture = try StoreFixture(deadline: .seconds(8))
        let hole = try LocalListener.blackHole()
        let silent = GitRemote(url: "git://127.0.0.1:\(hole.port)/x")
        let empty = try await TestGitRepository()
        let remotes = [silent, GitRemote(url: empty.url), GitRemote(url: repository.url)]

        let fetched = try await fixture.store.fetch(remotes, branch: "main")

        #expect(fetched.result.head.hex == head)
        #expect(fetched.remote.url == repository.url)
        #expect(fetched.failures.map(\.code) == [.deadline, .branchNotFound])
    }

    @Test func allTogetherHaveTheDeadlineOfOne() async throws {
        let hole = try LocalListener.blackHole()
        let remotes = (0..<4).map { GitRemote(url: "git://127.0.0.1:\(hole.port)/\($0)") }
        let fixture = try StoreFixture(deadline: .seconds(4))

        let error = try await gitError { try await fixture.store.fetch(remotes, branch: "main") }

        #expect(error?.code == .deadline)
        #expect(error?.message.hasPrefix("none of 4 remotes answered: ") == true)
        #expect(error?.message.contains("no answer within 1 s") == true, "\(String(describing: error))")
    }

    @Test func branchesAreListedWithoutBeingFetched() async throws {
        let repository = try await TestGitRepository()
        let head: String = try await repository.commit(["a.yaml": "a\n"])
        try await repository.git("checkout", "-q", "-b", "plan/one")
        let other: String = try await repository.commit(["a.yaml": "b\n"])
        let fixture = try StoreFixture()

        let branches = try await fixture.store.branches(of: GitRemote(url: repository.url))

        #expect(branches.map(\.name) == ["main", "plan/one"])
        #expect(branches.map(\.head.hex) == [head, other])
        let missing = try await gitError { try await fixture.store.commit(id(head)) }
        #expect(missing?.code == .revisionNotFound)
    }
}
