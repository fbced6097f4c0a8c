import GitStore
import TestSupport

/// A store in a folder of its own, served by the built program.
struct StoreFixture {
    let folder: TemporaryFolder
    let store: GitStore

    init(deadline: Duration = .seconds(60), limits: GitLimits = GitLimits()) throws {
        folder = try TemporaryFolder()
        store = GitStore(
            GitStore.Configuration(
                folder: folder("store"), worker: WorkerProgram(path: try BuiltPrograms.path("gitops-sync")),
                fetchDeadline: deadline, limits: limits))
    }

    var repository: String { folder("store/repository.git") }

    func fetch(_ remote: TestGitRepository, branch: String = "main") async throws -> FetchResult {
        try await store.fetch(GitRemote(url: remote.url), branch: branch)
    }

    /// Takes one object out of the store, as a damaged disk would.
    func lose(_ object: String) async throws {
        let commands = """
            !mv objects/pack/*.pack . && for pack in *.pack; do git unpack-objects -q < "$pack"; done && \
            rm -f objects/pack/* *.pack objects/\(object.prefix(2))/\(object.dropFirst(2))
            """
        try await TestGitRepository.git(["-c", "alias.lose=\(commands)", "lose"], in: repository)
    }
}

/// The error that a call ends with; nil where it succeeds.
func gitError<Value>(_ body: () async throws -> Value) async throws -> GitError? {
    do {
        _ = try await body()
        return nil
    } catch let error as GitError {
        return error
    }
}

func id(_ hex: String) throws -> ObjectID {
    guard let id = ObjectID(hex: hex) else { throw TestSupportError("\(hex) is no object id") }
    return id
}

extension TreeListing {
    var paths: [String] { files.map(\.path) }

    func text(_ path: String) -> String? {
        files.first { $0.path == path }?.bytes.map { String(decoding: $0, as: UTF8.self) }
    }
}
