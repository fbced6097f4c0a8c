import GitStore
import Glibc
import TestSupport
import Testing

@Suite("Remotes")
struct RemoteTests {
    // Shows F-GO-01
    @Test func httpWithATokenFromAFile() async throws {
        let repository = try await TestGitRepository()
        let first: String = try await repository.commit(["rule.yaml": "a: 1\n"])
        let server = try GitHTTPServer(serving: repository.path, password: "s3cret")
        let fixture = try StoreFixture()
        let file: String = try fixture.folder.write("s3cret\n", to: "token")
        let remote = GitRemote(
            url: server.url(""), credentials: .token(username: "bot", file: file), usesProxy: false)

        #expect(try await fixture.store.fetch(remote, branch: "main").head.hex == first)
        let second: String = try await repository.commit(["rule.yaml": "a: 2\n"])
        let result = try await fixture.store.fetch(remote, branch: "main")
        #expect(result.head.hex == second)
        #expect(result.previous?.hex == first)
    }

    // Shows F-GO-13
    @Test func aTokenThatIsWrongMissingOrOpenToAllIsAnErrorThatDoesNotTellIt() async throws {
        let repository = try await TestGitRepository()
        try await repository.commit(["rule.yaml": "a: 1\n"])
        let server = try GitHTTPServer(serving: repository.path, password: "s3cret")
        let fixture = try StoreFixture()
        let wrong: String = try fixture.folder.write("wr0ng\n", to: "token")
        let open: String = try fixture.folder.write("s3cret\n", to: "open", mode: 0o644)
        let cases: [(GitRemote.Credentials, String)] = [
            (.none, "none are set"), (.token(username: "bot", file: wrong), "does not accept the token"),
            (.token(username: "bot", file: open), "can be read by everybody"),
            (.token(username: "bot", file: fixture.folder("absent")), "No such file"),
        ]
        for (credentials, part) in cases {
            let remote = GitRemote(url: server.url(""), credentials: credentials, usesProxy: false)
            let error = try await gitError { try await fixture.store.fetch(remote, branch: "main") }
            #expect(error?.code == .credentials, "\(String(describing: error))")
            #expect(error?.remedy == .fixAccess)
            #expect(error?.message.contains(part) == true, "\(String(describing: error))")
            #expect(error?.description.contains("s3cret") == false)
            #expect(error?.description.contains("wr0ng") == false)
        }
    }

    @Test func aUserNameInAnAddressIsNotShown() async throws {
        let fixture = try StoreFixture()
        let port: Int = try LocalListener.blackHole().port
        let remote = GitRemote(url: "http://topsecret@127.0.0.1:\(port)/x", usesProxy: false)

        let error = try await gitError { try await fixture.store.fetch(remote, branch: "main") }

        #expect(error?.description.contains("topsecret") == false)
        #expect(error?.operation == "fetching main from http://127.0.0.1:\(port)/x")
    }

    @Test func aRedirectToAnotherHostIsNotFollowed() async throws {
        let repository = try await TestGitRepository()
        try await repository.commit(["rule.yaml": "a: 1\n"])
        let server = try GitHTTPServer(serving: repository.path)
        let moved = try GitHTTPServer(serving: repository.path, redirect: "http://localhost:\(server.port)")
        let fixture = try StoreFixture()

        let error = try await gitError {
            try await fixture.store.fetch(GitRemote(url: moved.url(""), usesProxy: false), branch: "main")
        }

        #expect(error?.code == .configuration, "\(String(describing: error))")
    }

    @Test func anUnknownRepositoryOnAServerIsNotFound() async throws {
        let repository = try await TestGitRepository()
        let server = try GitHTTPServer(serving: repository.path)
        let fixture = try StoreFixture()

        let error = try await gitError {
            try await fixture.store.fetch(GitRemote(url: server.url("other.git"), usesProxy: false), branch: "main")
        }

        #expect(error?.code == .repositoryNotFound, "\(String(describing: error))")
        #expect(error?.remedy == .fixRemote)
    }
}

@Suite("ssh remotes", .enabled(if: TestSSHServer.program != nil, "needs sshd (Debian: openssh-server)"))
struct SSHRemoteTests {
    // Shows F-GO-01
    @Test func anEd25519KeyAndAKnownHostOpenIt() async throws {
        let repository = try await TestGitRepository()
        let head: String = try await repository.commit(["rule.yaml": "a: 1\n"])
        let server = try await TestSSHServer(program: TestSSHServer.program ?? "")
        let fixture = try StoreFixture()
        let remote = GitRemote(
            url: server.url(repository.path), credentials: .key(file: server.keyFile, passphraseFile: nil),
            knownHostsFile: server.knownHostsFile)

        let result = try await fixture.store.fetch(remote, branch: "main")

        #expect(result.head.hex == head, "\(server.log)")
    }

    @Test func anotherHostKeyOrNoneIsRefused() async throws {
        let repository = try await TestGitRepository()
        try await repository.commit(["rule.yaml": "a: 1\n"])
        let server = try await TestSSHServer(program: TestSSHServer.program ?? "")
        let fixture = try StoreFixture()
        let empty: String = try fixture.folder.write("", to: "known_hosts")
        for known in [server.wrongKnownHostsFile, empty] {
            let remote = GitRemote(
                url: server.url(repository.path), credentials: .key(file: server.keyFile, passphraseFile: nil),
                knownHostsFile: known)
            let error = try await gitError { try await fixture.store.fetch(remote, branch: "main") }
            #expect(error?.code == .hostKey, "\(String(describing: error)) \(server.log)")
            #expect(error?.message.contains(known) == true)
        }
    }

    @Test func aKeyThatTheServerDoesNotKnowIsACredentialsError() async throws {
        let repository = try await TestGitRepository()
        try await repository.commit(["rule.yaml": "a: 1\n"])
        let server = try await TestSSHServer(program: TestSSHServer.program ?? "")
        let fixture = try StoreFixture()
        for file in [server.otherKeyFile, "/nowhere"] {
            let remote = GitRemote(
                url: server.url(repository.path), credentials: .key(file: file, passphraseFile: nil),
                knownHostsFile: server.knownHostsFile)
            let error = try await gitError { try await fixture.store.fetch(remote, branch: "main") }
            #expect(error?.code == .credentials, "\(String(describing: error))")
        }
    }

    @Test func aRepositoryThatIsNotThereIsNotFound() async throws {
        let server = try await TestSSHServer(program: TestSSHServer.program ?? "")
        let fixture = try StoreFixture()
        let remote = GitRemote(
            url: server.url("/nowhere.git"), credentials: .key(file: server.keyFile, passphraseFile: nil),
            knownHostsFile: server.knownHostsFile)

        let error = try await gitError { try await fixture.store.fetch(remote, branch: "main") }

        #expect(error?.code == .repositoryNotFound, "\(String(describing: error))")
    }
}
