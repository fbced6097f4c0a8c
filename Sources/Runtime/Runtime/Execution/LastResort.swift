import Dispatch
import Glibc

/// Does something after a time, from a thread of its own, unless it is disarmed before: for what has to happen also when
/// every thread of the cooperative pool hangs.
package final class LastResort: Sendable {
    private let disarmed = DispatchSemaphore(value: 0)

    package init(after span: Duration, _ act: @escaping @Sendable () -> Void) {
        let (seconds, attoseconds) = span.components
        let wait = DispatchTimeInterval.milliseconds(Int(seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000))
        let work = Work { [disarmed] in
            if disarmed.wait(timeout: .now() + wait) == .timedOut { act() }
        }
        var thread = pthread_t()
        let status: Int32 = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, Unmanaged.passRetained(work).toOpaque())
        precondition(status == 0, "cannot start a thread: \(String(cString: strerror(status)))")
        pthread_detach(thread)
    }

    /// Takes it back; too late where the time has passed.
    package func disarm() { disarmed.signal() }
}

private final class Work: Sendable {
    let run: @Sendable () -> Void

    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}
