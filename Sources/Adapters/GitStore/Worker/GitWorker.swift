import CLibgit2
import Declarations
import Dispatch
import Glibc

/// The process that calls libgit2: the program that links this module, started again with a hidden argument. It serves
/// one request and ends.
package enum GitWorker {
    /// The hidden first argument that makes a program a git worker.
    package static let argument = "git-worker"

    /// Serves one request and ends the process, where the program was started as a git worker; else does nothing. To
    /// be called before anything else is set up.
    package static func runIfWorker(arguments: [String]) {
        guard arguments.dropFirst().first == argument else { return }
        serve()
    }

    private static func serve() -> Never {
        guard let line = readRequest() else { complain("no request on standard input") }
        let request: WorkerRequest
        do { request = try WorkerRequest(parsing: line) } catch { complain("the request is not in its form: \(error)") }
        WorkerLimits.apply(request)
        endWithParent()
        let answer: WorkerAnswer = answer(to: request)
        for frame in answer.frames {
            guard Files.write(WorkerAnswer.prefix(of: frame)[...], to: 1), Files.write(frame[...], to: 1) else {
                complain("nobody reads the answer")
            }
        }
        // No tear-down of the library: the process ends here anyway, and what crashes in it would spoil the answer.
        _exit(0)
    }

    private static func answer(to request: WorkerRequest) -> WorkerAnswer {
        do {
            try WorkerLimits.startLibrary(request)
            return try WorkerOperations(request).run()
        } catch {
            return WorkerAnswer(.failure(error))
        }
    }

    /// The first line of standard input.
    private static func readRequest() -> [UInt8]? {
        var line: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while line.count < longestRequest {
            let count: Int = unsafe read(0, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return nil }
            line += chunk.prefix(count)
            if line.last == UInt8(ascii: "\n") { return line }
        }
        return nil
    }

    /// Ends this process when its standard input ends: the one who asked is gone, however it went.
    private static func endWithParent() {
        DispatchQueue.global().async {
            var byte: UInt8 = 0
            while true {
                let count: Int = unsafe read(0, &byte, 1)
                if count < 0, errno == EINTR { continue }
                if count <= 0 { _exit(75) }
            }
        }
    }

    private static func complain(_ message: String) -> Never {
        _ = Files.write(Array("git worker: \(message)\n".utf8)[...], to: 2)
        _exit(70)
    }

    /// Ten thousand known blobs and as many paths fit many times.
    private static let longestRequest = 64 << 20
}
