import CSemaphore
import Glibc

/// Wakes the one thread that waits for it, also at a moment of the clock that only runs. (A semaphore of Dispatch waits by
/// the clock that people set: one that is set back by an hour would let its thread sleep for an hour more.)
final class Doorbell: @unchecked Sendable {
    private let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    init() {
        semaphore.initialize(to: sem_t())
        sem_init(semaphore, 0, 0)
    }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    func ring() { sem_post(semaphore) }

    /// Returns when it is or was rung, or at `deadline`. Ringing twice before anybody looks is ringing once.
    func wait(until deadline: RunningTime?) {
        if var moment = deadline?.moment {
            while sem_clockwait(semaphore, CLOCK_MONOTONIC, &moment) != 0, errno == EINTR {}
        } else {
            while sem_wait(semaphore) != 0 {}
        }
        while sem_trywait(semaphore) == 0 {}
    }
}

/// Nanoseconds of the clock that nobody sets. Swift's own clocks count in 128 bits, by functions whose code is in no cache
/// any more when a thread wakes a few times a second; they cost it as much as what it wakes for.
struct RunningTime: Comparable {
    private let nanoseconds: Int

    static var now: RunningTime {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return RunningTime(nanoseconds: time.tv_sec * 1_000_000_000 + time.tv_nsec)
    }

    var moment: timespec {
        timespec(tv_sec: nanoseconds / 1_000_000_000, tv_nsec: nanoseconds % 1_000_000_000)
    }

    static func < (left: RunningTime, right: RunningTime) -> Bool { left.nanoseconds < right.nanoseconds }

    static func + (time: RunningTime, span: Duration) -> RunningTime {
        // A century is for ever, and does not overflow.
        let (seconds, attoseconds) = min(span, .seconds(3_000_000_000)).components
        return RunningTime(
            nanoseconds: time.nanoseconds + Int(seconds) * 1_000_000_000 + Int(attoseconds / 1_000_000_000))
    }
}
