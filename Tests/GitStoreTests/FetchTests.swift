import GitStore
import Glibc
import TestSupport
import Testing

@Suite("Fetching")
struct FetchTests {
    // Shows F-GO-01
    @Test func aFirstFetchMakesTheStoreAndBringsTheBranch() async throws {
        let remote = try await TestGitRepository()
        let head: String = try await remote.commit(["rule.yaml": "a: 1\n"])
        let fixture = try StoreFixture()

        let result = try await fixture.fetch(remote)

        #expect(result.head.hex == head)
        #expect(result.previous == nil)
        #expect(result.isChanged)
        #expect(result.receivedObjects == 3)
        #expect(try await fixture.store.tree(of: result.head).text("rule.yaml") == "a: 1\n")
    }

    @Test func aFetchWithoutNewCommitsReceivesNothing() async throws {
        let remote = try await TestGitRepository()
        try await remote.commit(["rule.yaml": "a: 1\n"])
        let fixture = try StoreFixture()
        let first = try await fixture.fetch(remote)

        let second = try await fixture.fetch(remote)

        #expect(second == FetchResult(head: first.head, previous: first.head))
        #expect(!second.isChanged)
    }

    @Test func laterCommitsAreBroughtAndComeAfterEarlierOnes() async throws {
        let remote = try await TestGitRepository()
        try await remote.commit(["rule.yaml": "a: 1\n"])
        let fixture = try StoreFixture()
        let first = try await fixture.fetch(remote)
        let second: String = try await remote.commit(["rule.yaml": "a: 2\n"])
        let third: String = try await remote.commit(["rule.yaml": "a: 3\n"])

        let result = try await fixture.fetch(remote)

        #expect(result.previous == first.head)
        #expect(result.head.hex == third)
        #expect(try await fixture.store.isDescendant(result.head, of: first.head))
        let range = try await fixture.store.commits(after: first.head, through: result.head)
        #expect(range.commits.map(\.id.hex) == [third, second])
        #expect(!range.isTruncated)
    }

    // Shows F-GO-01
    @Test func aRewrittenBranchIsFetchedAndFoundNotToDescendFromWhatWasThere() async throws {
        let remote = try await TestGitRepository()
        try await remote.commit(["rule.yaml": "a: 1\n"])
        let second: String = try await remote.commit(["rule.yaml": "a: 2\n"])
        let fixture = try StoreFixture()
        _ = try await fixture.fetch(remote)
        try await remote.git("reset", "-q", "--hard", "HEAD~1")
        let rewritten: String = try await remote.commitLocally(["rule.yaml": "a: 9\n"])
        try await remote.push(force: true)

        let result = try await fixture.fetch(remote)

        #expect(result.head.hex == rewritten)
        #expect(result.previous?.hex == second)
        #expect(try await !fixture.store.isDescendant(result.head, of: id(second)))
        // What was accepted before can still be read: it stays enforced.
        #expect(try await fixture.store.tree(of: id(second)).text("rule.yaml") == "a: 2\n")
    }

    @Test func aMissingBranchIsNamedTogetherWithThoseThatAreThere() async throws {
        let remote = try await TestGitRepository()
        try await remote.commit(["rule.yaml": "a: 1\n"])
        try await remote.git("push", "-q", "origin", "HEAD:refs/heads/staging")
        let fixture = try StoreFixture()
        _ = try await fixture.fetch(remote, branch: "staging")
        try await remote.git("push", "-q", "origin", ":staging")

        let error = try await gitError { try await fixture.fetch(remote, branch: "staging") }

        #expect(error?.code == .branchNotFound)
        #expect(error?.branches == ["main"])
        #expect(error?.remedy == .fixRemote)
        #expect(error?.message == #"the remote has no branch "staging": it has main"#)
    }

    @Test func anEmptyRepositoryHasNoBranchYet() async throws {
        let remote = try await TestGitRepository()
        let fixture = try StoreFixture()

        let error = try await gitError { try await fixture.fetch(remote) }

        #expect(error?.code == .branchNotFound)
        #expect(error?.message == #"the remote has no branch "main": it has none yet"#)
    }

    @Test func aBranchWhoseNameBeginsWithAnothersCanBeFollowed() async throws {
        let remote = try await TestGitRepository()
        try await remote.commit(["rule.yaml": "a: 1\n"])
        let fixture = try StoreFixture()
        _ = try await fixture.fetch(remote)
        try await TestGitRepository.git(["update-ref", "-d", "refs/heads/main"], in: remote.path)
        try await remote.git("push", "-q", "origin", "HEAD:refs/heads/main/next")

        let result = try await fixture.fetch(remote, branch: "main/next")

        #expect(try await fixture.store.resolve("main/next") == result.head)
    }

    @Test func wrongAddressesAndNamesAreRefusedWithoutAWorker() async throws {
        let fixture = try StoreFixture()
        let key = GitRemote.Credentials.key(file: "/nowhere", passphraseFile: nil)
        let token = GitRemote.Credentials.token(username: "git", file: "/nowhere")
        let remotes: [GitRemote] = [
            GitRemote(url: ""), GitRemote(url: "relative/path"), GitRemote(url: "ftp://host/x"),
            GitRemote(url: "https://user:secret@host/x"), GitRemote(url: "git@host:x"),
            GitRemote(url: "http://git.example/x", credentials: token),
            GitRemote(url: "https://git.example/x", credentials: key), GitRemote(url: "/tmp/x", credentials: token),
        ]
        for remote in remotes {
            let error = try await gitError { try await fixture.store.fetch(remote, branch: "main") }
            #expect(error?.code == .configuration, "\(remote.displayedURL)")
            #expect(error?.description.contains("secret") == false)
        }
        let error = try await gitError {
            try await fixture.store.fetch(GitRemote(url: "/tmp/x"), branch: "a..b")
        }
        #expect(error?.message == #""a..b" is no name of a branch"#)
    }

    @Test func aPlaceWithoutRepositoryIsSaidToBeOne() async throws {
        let fixture = try StoreFixture()
        for url in [fixture.folder("nothing"), "file://\(fixture.folder.path)"] {
            let error = try await gitError { try await fixture.store.fetch(GitRemote(url: url), branch: "main") }
            #expect(error?.code == .repositoryNotFound, "\(url): \(String(describing: error))")
        }
    }

    @Test(.enabled(if: geteuid() == 0, "only root can give files away"))
    func aRepositoryOfAnotherOwnerIsRead() async throws {
        let remote = try await TestGitRepository()
        let head: String = try await remote.commit(["rule.yaml": "a: 1\n"])
        chown(remote.path, 12345, 12345)
        let fixture = try StoreFixture()

        #expect(try await fixture.fetch(remote).head.hex == head)
        chown(fixture.repository, 12345, 12345)
        #expect(try await fixture.store.resolve("main").hex == head)
        #expect(try await fixture.fetch(remote).rebuilt == nil)
    }

    @Test func moreDataThanTheLimitEndsTheFetch() async throws {
        let remote = try await TestGitRepository()
        // Digits of no pattern, so that they do not shrink on the way.
        var random = SystemRandomNumberGenerator()
        let text: String = (0..<40_000).map { _ in String(random.next(), radix: 36) }.joined()
        try await remote.commit(["rule.yaml": text])
        var limits = GitLimits()
        limits.receivedBytes = 100_000
        let server = try GitHTTPServer(serving: remote.path)
        let fixture = try StoreFixture(limits: limits)

        let error = try await gitError {
            try await fixture.store.fetch(GitRemote(url: server.url(""), usesProxy: false), branch: "main")
        }

        #expect(error?.code == .limit, "\(String(describing: error))")
        #expect(!Self.exists(fixture.repository))
    }

    @Test func twoStoresFetchAtTheSameTimeAndOneStoreSaysThatItIsBusy() async throws {
        let remote = try await TestGitRepository()
        let head: String = try await remote.commit(["rule.yaml": "a: 1\n"])
        let (one, other) = (try StoreFixture(), try StoreFixture())

        async let first = one.fetch(remote)
        async let second = other.fetch(remote)
        #expect(try await [first.head.hex, second.head.hex] == [head, head])

        let hole = try LocalListener.blackHole()
        let slow = try StoreFixture(deadline: .seconds(20))
        let hanging = Task {
            try await gitError {
                try await slow.store.fetch(GitRemote(url: "git://127.0.0.1:\(hole.port)/x"), branch: "main")
            }
        }
        try await until("the first worker holds the lock") { Self.exists(slow.folder("store/home/.ssh/known_hosts")) }
        let error = try await gitError { try await slow.fetch(remote) }
        #expect(error?.code == .busy)
        hanging.cancel()
        #expect(try await hanging.value?.code == .cancelled)
    }

    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }
}
