import Declarations
import Runtime
package import SystemdUnits

/// The helper that may change units, asked over its socket.
package struct HelperClient: Sendable {
    package static let standardSocket = "/run/plumb-unit-helper.sock"

    private let path: String
    /// A service may take as long as it wants to start; a run of the reconciler may not wait for it as long.
    private let timeoutSeconds: Int

    package init(path: String = Self.standardSocket, timeoutSeconds: Int = 30) {
        self.path = path
        self.timeoutSeconds = timeoutSeconds
    }

    /// Asks for one thing and does not wait: who asks may be what is to be stopped.
    package func ask(_ operation: UnitOperation) async throws(SystemdError) {
        do throws(FileError) {
            try await Conversation().send(operation, to: path, timeoutSeconds: timeoutSeconds)
        } catch { throw SystemdError("the helper does not answer: \(error.description)", isUnknown: true) }
    }

    /// Asks for one thing and waits until it is done.
    package func carryOut(_ operation: UnitOperation) async throws(SystemdError) {
        let answer: UnitAnswer
        do throws(FileError) {
            answer = try await Conversation().ask(operation, at: path, timeoutSeconds: timeoutSeconds)
        } catch {
            throw SystemdError("the helper does not answer: \(error.description)", isUnknown: true)
        }
        if let error = answer.error { throw SystemdError("\(operation): \(error)") }
    }
}

/// One question on a thread of its own: starting a service can take minutes.
private actor Conversation {
    private let executor = BlockingExecutor(name: "unit-helper")

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    @discardableResult
    func send(_ operation: UnitOperation, to path: String, timeoutSeconds: Int) throws(FileError) -> UnixStream {
        let stream = try UnixStream(path: path, timeoutSeconds: timeoutSeconds)
        try stream.send(operation.json.canonical + [UInt8(ascii: "\n")])
        return stream
    }

    func ask(_ operation: UnitOperation, at path: String, timeoutSeconds: Int) throws(FileError) -> UnitAnswer {
        let stream = try send(operation, to: path, timeoutSeconds: timeoutSeconds)
        var answer: [UInt8] = []
        while answer.last != UInt8(ascii: "\n"), answer.count < 64 << 10 {
            let bytes: [UInt8] = try stream.receive()
            if bytes.isEmpty { break }
            answer += bytes
        }
        do { return try UnitAnswer(parsing: answer) } catch {
            throw FileError(
                path: path, operation: "read the answer of",
                reason: answer.isEmpty
                    ? "it ended without one (journalctl -u 'plumb-unit-helper@*' says why)" : error.description)
        }
    }
}
