import Glibc
import TestSupport
import Testing

@testable import GitStore

@Suite("Handles of libgit2")
struct HandleTests {
    // In this process, unlike everywhere else: a leak in a worker ends with it and would never be seen.
    @Test func tenThousandAreFreedWithWhatTheyHoldOpen() async throws {
        let remote = try await TestGitRepository()
        try await remote.commit(["a.yaml": "a\n", "deep/b.yaml": "b\n", ".plumbignore": "x\n"])
        let fixture = try StoreFixture()
        let head = try await fixture.fetch(remote).head
        let folder = StoreFolder(path: fixture.folder("store"))
        try WorkerLimits.startLibrary(
            WorkerRequest(
                folder: folder.path, deadlineSeconds: 60, limits: GitLimits(), operation: .resolve(revision: "main")))

        // Each turn makes at least ten: repository, commits, walk, trees, object databases, blobs.
        for _ in 0..<1000 {
            let reader = RepositoryReader(try folder.open("reading"), operation: "reading")
            let listing = try reader.tree(of: head, TreeFilter(), known: [], limits: GitLimits())
            #expect(listing.files.count == 2)
            _ = try reader.commits(after: nil, through: head, atMost: 1)
            _ = try? reader.resolve("absent")
        }

        #expect(try Self.lines(of: "/proc/self/maps").filter { $0.contains(folder.path) } == [])
        #expect(Self.openFiles.filter { $0.hasPrefix(folder.path) } == [])
    }

    private static func lines(of path: String) throws -> [Substring] {
        String(decoding: try Files.read(path, atMost: 64 << 20), as: UTF8.self).split(separator: "\n")
    }

    /// What this process's descriptors lead to.
    private static var openFiles: [String] {
        Files.names(in: "/proc/self/fd").compactMap { name in
            var buffer = [CChar](repeating: 0, count: 4096)
            let count: Int = readlink("/proc/self/fd/\(name)", &buffer, buffer.count)
            return count > 0
                ? String(decoding: buffer.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self) : nil
        }
    }
}
