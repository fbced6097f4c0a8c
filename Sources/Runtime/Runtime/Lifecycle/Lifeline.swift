// Dispatch sources may be cancelled from any thread, but are not marked Sendable.
@preconcurrency import Dispatch
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
            let source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: .global())
            source.setEventHandler {
                var buffer = [UInt8](repeating: 0, count: 256)
                let count: Int = read(descriptor, &buffer, buffer.count)
                guard count == 0 || (count < 0 && errno != EINTR && errno != EAGAIN) else { return }
                continuation.finish()
            }
            continuation.onTermination = { _ in source.cancel() }
            source.activate()
        }
    }
}
