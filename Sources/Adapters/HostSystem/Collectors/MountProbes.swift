import Glibc
import Runtime
import Synchronization

/// Asks mounts how full they are, each with a time limit.
///
/// `statvfs` on a dead network mount sleeps in the kernel, where nothing can wake it. So each question runs on a thread
/// of its own, which is left behind when time is up; while it is stuck that mount is not asked again, so a dead mount
/// costs one thread and not one per collection. The mount is asked anew once the thread came back.
package final class MountProbes: Sendable {
    private let stuck = Mutex<Set<String>>([])

    package init() {}

    /// How many threads wait for mounts that do not answer.
    package var stuckCount: Int { stuck.withLock { $0.count } }

    func space(
        of path: String, in files: any HostFiles, clock: any Clock<Duration>, timeout: Duration
    ) async -> Result<FileSystemSpace, FileError> {
        let tooLate = FileError.timedOut("stat the file system at", path)
        guard stuck.withLock({ $0.insert(path).inserted }) else { return .failure(tooLate) }
        let (answers, answer) = AsyncStream<Result<FileSystemSpace, FileError>>.makeStream()
        let question = Question { [self] in
            let result: Result<FileSystemSpace, FileError>
            do throws(FileError) { result = .success(try files.space(ofFileSystemAt: path)) } catch {
                result = .failure(error)
            }
            stuck.withLock { _ = $0.remove(path) }
            answer.yield(result)
            answer.finish()
        }
        if let error = question.start() {
            stuck.withLock { _ = $0.remove(path) }
            return .failure(
                FileError(
                    path: path, operation: "start a thread for", reason: String(cString: strerror(error)), code: error))
        }
        return await withTaskGroup(of: Result<FileSystemSpace, FileError>.self) { group in
            group.addTask {
                for await result in answers { return result }
                return .failure(tooLate)
            }
            group.addTask {
                try? await clock.sleep(for: timeout)
                return .failure(tooLate)
            }
            defer { group.cancelAll() }
            return await group.next() ?? .failure(tooLate)
        }
    }
}

/// A closure that runs once, on a thread of its own.
private final class Question: Sendable {
    private let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) { self.body = body }

    /// Starts the thread; answers the error number where the system has none to give.
    func start() -> Int32? {
        let argument = Unmanaged.passRetained(self)
        var thread = pthread_t()
        let status: Int32 = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Question>.fromOpaque(argument).takeRetainedValue().body()
                return nil
            }, argument.toOpaque())
        guard status == 0 else {
            argument.release()
            return status
        }
        pthread_detach(thread)
        return nil
    }
}
