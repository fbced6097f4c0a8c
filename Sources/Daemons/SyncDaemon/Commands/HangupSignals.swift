import Dispatch
import Glibc

/// The hang-ups that this process gets.
enum UnixSignalsSequence {
    static func hangups() -> AsyncStream<Void> {
        signal(SIGHUP, SIG_IGN)
        return AsyncStream { continuation in
            let source = DispatchSource.makeSignalSource(signal: SIGHUP, queue: .global())
            source.setEventHandler { continuation.yield() }
            // The source lives as long as the stream: the closure below holds it.
            nonisolated(unsafe) let held = source
            continuation.onTermination = { _ in held.cancel() }
            source.resume()
        }
    }
}
