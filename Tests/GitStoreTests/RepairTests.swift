import GitStore
import Glibc
import TestSupport
import Testing

@Suite("A damaged store")
struct RepairTests {
    @Test func isMadeAnewByTheNextFetchWhereItCannotBeOpened() async throws {
        let remote = try await TestGitRepository()
        let head: String = try await remote.commit(["a.yaml": "a\n"])
        let fixture = try StoreFixture()
        _ = try await fixture.fetch(remote)
        unlink("\(fixture.repository)/HEAD")

        let result = try await fixture.fetch(remote)

        #expect(result.head.hex == head)
        #expect(result.rebuilt != nil)
        #expect(try await fixture.store.tree(of: result.head).text("a.yaml") == "a\n")
        #expect(try await fixture.fetch(remote).rebuilt == nil)
    }

    @Test func isFoundByAReaderAndMadeAnewByTheNextFetch() async throws {
        let remote = try await TestGitRepository()
        try await remote.commit(["a.yaml": "a\n", "deep/b.yaml": "b\n"])
        let fixture = try StoreFixture()
        let head = try await fixture.fetch(remote).head
        try Self.damagePacks(of: fixture)

        let error = try await gitError { try await fixture.store.tree(of: head) }
        #expect(error?.code == .corrupt, "\(String(describing: error))")
        #expect(error?.remedy == .fetch)

        let result = try await fixture.fetch(remote)
        #expect(result.rebuilt != nil)
        #expect(try await fixture.store.tree(of: head).paths == ["a.yaml", "deep/b.yaml"])
    }

    @Test func staysWhileTheRemoteIsAway() async throws {
        let remote = try await TestGitRepository()
        try await remote.commit(["a.yaml": "a\n"])
        let fixture = try StoreFixture()
        let head = try await fixture.fetch(remote).head
        try await fixture.store.keep(head, as: "accepted")
        _ = try fixture.folder.write("a reader said so", to: "store/damaged")
        rename(remote.path, "\(remote.path).away")

        let error = try await gitError { try await fixture.fetch(remote) }

        #expect(error?.code == .repositoryNotFound)
        #expect(try await fixture.store.tree(of: head).paths == ["a.yaml"])
        rename("\(remote.path).away", remote.path)
        #expect(try await fixture.fetch(remote).rebuilt == "a reader said so")
    }

    @Test func keepsTheCommitsThatSomebodyHoldsOnTo() async throws {
        let remote = try await TestGitRepository()
        try await remote.commit(["a.yaml": "a\n"])
        let fixture = try StoreFixture()
        let accepted = try await fixture.fetch(remote).head
        try await fixture.store.keep(accepted, as: "accepted")
        try await remote.git("commit", "-q", "--amend", "-m", "another")
        try await remote.push(force: true)
        _ = try fixture.folder.write("a reader said so", to: "store/damaged")

        let result = try await fixture.fetch(remote)

        #expect(result.rebuilt == "a reader said so")
        #expect(result.head != accepted)
        #expect(try await fixture.store.tree(of: accepted).paths == ["a.yaml"])
    }

    @Test func aRemoteThatIsItselfDamagedIsSaidToBe() async throws {
        let remote = try await TestGitRepository()
        try await remote.commit(["a.yaml": "a\n"])
        let fixture = try StoreFixture()
        _ = try await fixture.fetch(remote)
        let head: String = try await remote.commit(["a.yaml": "b\n"])
        unlink("\(remote.path)/objects/\(head.prefix(2))/\(head.dropFirst(2))")

        let error = try await gitError { try await fixture.fetch(remote) }

        #expect(error?.code == .remoteData, "\(String(describing: error))")
        #expect(try await fixture.store.tree(of: fixture.store.resolve("main")).text("a.yaml") == "a\n")
    }

    @Test func manyPacksBecomeOneAndNothingIsLost() async throws {
        let remote = try await TestGitRepository()
        var limits = GitLimits()
        limits.packs = 3
        let fixture = try StoreFixture(limits: limits)
        var heads: [ObjectID] = []
        for index in 1...4 {
            try await remote.commit(["a.yaml": "\(index)\n"])
            heads.append(try await fixture.fetch(remote).head)
        }

        #expect(try Self.packs(of: fixture).count == 1)
        for (index, head) in heads.enumerated() {
            #expect(try await fixture.store.tree(of: head).text("a.yaml") == "\(index + 1)\n")
        }
        #expect(try await fixture.store.resolve("HEAD") == heads.last)
        let again = try await fixture.fetch(remote)
        #expect(again == FetchResult(head: try #require(heads.last), previous: heads.last))
    }

    /// Overwrites the middle of each pack.
    private static func damagePacks(of fixture: StoreFixture) throws {
        for pack in try packs(of: fixture) {
            chmod(pack, 0o600)
            let descriptor: Int32 = open(pack, O_RDWR)
            defer { close(descriptor) }
            let size: off_t = lseek(descriptor, 0, SEEK_END)
            let noise = [UInt8](repeating: 0xa5, count: max(Int(size) - 36, 0))
            try #require(pwrite(descriptor, noise, noise.count, 14) == noise.count)
        }
    }

    private static func packs(of fixture: StoreFixture) throws -> [String] {
        let folder = "\(fixture.repository)/objects/pack"
        let stream: OpaquePointer = try #require(opendir(folder))
        defer { closedir(stream) }
        var packs: [String] = []
        while let entry = readdir(stream) {
            let name: String = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name.hasSuffix(".pack") { packs.append("\(folder)/\(name)") }
        }
        return packs
    }
}
