import Glibc
import Logging
package import ServiceLifecycle

/// Ends the program when whoever started it is gone: with `PLUMB_LIFELINE=stdin`, standard input is a pipe whose other
/// end the supervisor holds, and its end means stop. So children die with a supervisor that was killed without a word.
/// Without the variable it only waits for the program's end.
package struct Lifeline: Service {
    private let isEnabled: Bool
    private let descriptor: Int32

    package init(environment: (String) -> String? = ProcessEnvironment.value, descriptor: Int32 = STDIN_FILENO) {
        isEnabled = environment("PLUMB_LIFELINE") == "stdin"
        self.descriptor = descriptor
    }

    /// The service with the right consequence: its end is a graceful shutdown of the group, not an error.
    package static func configuration() -> ServiceGroupConfiguration.ServiceConfiguration {
        ServiceGroupConfiguration.ServiceConfiguration(
            service: Lifeline(), successTerminationBehavior: .gracefullyShutdownGroup)
    }

    package func run() async throws {
        guard isEnabled else {
            try? await gracefulShutdown()
            return
        }
        for await _ in endOfInput().cancelOnGracefulShutdown() {}
    }

    /// A sequence without elements that ends when the input does.
    private func endOfInput() -> AsyncStream<Void> {
        AsyncStream { [descriptor] continuation in
            guard let input = WatchedInput(descriptor) else {
                continuation.finish()
                return
            }
            continuation.onTermination = { _ in input.stop() }
            // A bridge out of a synchronous callback; it ends with the input or with the stream.
            Task {
                await input.waitForEnd()
                continuation.finish()
            }
        }
    }
}

/// Waits for the end of a descriptor's input, on a thread of its own.
///
/// Not with a dispatch source: with one, two of the first seven programs that lost their supervisor ended in a
/// segmentation fault in libdispatch's event loop (Swift 6.3.1, `_dispatch_event_loop_drain`).
private actor WatchedInput {
    private let executor = BlockingExecutor(name: "lifeline")
    private let input: Int32
    /// A pipe of our own: a byte in it ends the waiting.
    private let wakeRead: Int32
    private let wakeWrite: Int32

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// Nil where the process has no descriptors left.
    init?(_ input: Int32) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return nil }
        self.input = input
        wakeRead = ends[0]
        wakeWrite = ends[1]
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    }

    deinit {
        close(wakeRead)
        close(wakeWrite)
    }

    nonisolated func stop() {
        var byte: UInt8 = 0
        _ = write(wakeWrite, &byte, 1)
    }

    /// Returns at the end of the input, after ``stop()``, or where the input cannot be read.
    func waitForEnd() {
        var buffer = [UInt8](repeating: 0, count: 256)
        while true {
            var watched = [
                pollfd(fd: input, events: Int16(POLLIN), revents: 0),
                pollfd(fd: wakeRead, events: Int16(POLLIN), revents: 0),
            ]
            let ready: Int32 = poll(&watched, nfds_t(watched.count), -1)
            if ready < 0, errno != EINTR { return }
            guard ready > 0 else { continue }
            if watched[1].revents != 0 { return }
            let count: Int = read(input, &buffer, buffer.count)
            guard count > 0 || (count < 0 && (errno == EINTR || errno == EAGAIN)) else { return }
        }
    }
}
