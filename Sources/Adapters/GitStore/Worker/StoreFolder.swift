import CLibgit2
import Glibc

/// The files of a store.
///
/// - `repository.git`: the bare repository. Replaced as a whole, by renaming, under the exclusive lock.
/// - `lock`: shared by those who read the repository.
/// - `fetch.lock`: held by the one who fetches.
/// - `damaged`: there if a reader found the repository damaged; its text says how.
/// - `home`: what libgit2 takes for the user's home; holds `.ssh/known_hosts` and nothing else.
/// - `incoming-*`, `outgoing-*`: repositories on their way in or out, left over only from a killed worker.
struct StoreFolder {
    let path: String

    var repository: String { "\(path)/repository.git" }
    var lock: String { "\(path)/lock" }
    var fetchLock: String { "\(path)/fetch.lock" }
    var damaged: String { "\(path)/damaged" }
    var home: String { "\(path)/home" }

    static let fetched = "refs/plumbline/fetch/"
    static let kept = "refs/plumbline/keep/"

    /// Opens the repository for reading.
    func open(_ operation: String) throws(GitError) -> Handle<RepositoryKind> {
        guard Files.exists(repository) else {
            throw GitError(
                .revisionNotFound, operation: operation, message: "nothing has been fetched into \(path) yet")
        }
        do { return try Handle { unsafe git_repository_open_bare($0, repository) } } catch {
            throw error.inStore(operation)
        }
    }

    func markDamaged(_ reason: String) { try? Files.write(Array(reason.utf8), to: damaged) }

    /// Why the repository has to be made anew, where it has to.
    var damage: String? {
        guard let bytes = try? Files.read(damaged) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Removes what a killed worker left. Only for the holder of the fetch lock.
    func removeLeftovers() {
        for name in Files.names(in: path) where name.hasPrefix("incoming-") || name.hasPrefix("outgoing-") {
            Files.remove("\(path)/\(name)")
        }
    }

    /// A path for a repository that is to replace the present one.
    var incoming: String { "\(path)/incoming-\(getpid())" }

    /// Puts `incoming` in the place of the repository. Readers see the old one or the new one.
    func replaceRepository(_ operation: String) throws(GitError) {
        let outgoing = "\(path)/outgoing-\(getpid())"
        let guardian = FileLock(lock, .exclusive)
        if Files.exists(repository), unsafe rename(repository, outgoing) != 0 {
            throw GitError(.storage, operation: operation, message: "cannot move \(repository): \(Files.lastError)")
        }
        guard unsafe rename(incoming, repository) == 0 else {
            throw GitError(.storage, operation: operation, message: "cannot move \(incoming): \(Files.lastError)")
        }
        Files.remove(damaged)
        _ = consume guardian
        Files.remove(outgoing)
    }

    /// How many packs the repository holds.
    var packs: Int { Files.names(in: "\(repository)/objects/pack").count { $0.hasSuffix(".pack") } }
}
