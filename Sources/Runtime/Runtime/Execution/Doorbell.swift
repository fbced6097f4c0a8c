import Glibc

/// Wakes the one thread that waits for it, also at a moment of the clock that only runs. (A semaphore of Dispatch waits by
/// the clock that people set: one that is set back by an hour would let its thread sleep for an hour more.)
final class Doorbell: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var isRung = false

    init() {
        mutex.initialize(to: pthread_mutex_t())
        condition.initialize(to: pthread_cond_t())
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// Ringing twice before anybody looks is ringing once.
    func ring() {
        pthread_mutex_lock(mutex)
        isRung = true
        pthread_mutex_unlock(mutex)
        pthread_cond_signal(condition)
    }

    /// Returns when it is or was rung, or at `deadline`.
    func wait(until deadline: RunningTime?) {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        if let deadline {
            var moment: timespec = deadline.moment
            while !isRung, pthread_cond_timedwait(condition, mutex, &moment) != ETIMEDOUT {}
        } else {
            while !isRung { pthread_cond_wait(condition, mutex) }
        }
        isRung = false
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
