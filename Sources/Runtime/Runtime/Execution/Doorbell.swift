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
    func wait(until deadline: ContinuousClock.Instant?) {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        if let deadline {
            var moment: timespec = Self.moment(deadline)
            while !isRung, pthread_cond_timedwait(condition, mutex, &moment) != ETIMEDOUT {}
        } else {
            while !isRung { pthread_cond_wait(condition, mutex) }
        }
        isRung = false
    }

    private static func moment(_ deadline: ContinuousClock.Instant) -> timespec {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        let wait: (seconds: Int64, attoseconds: Int64) = max(.zero, deadline - .now).components
        let nanoseconds: Int = now.tv_nsec + Int(wait.attoseconds / 1_000_000_000)
        return timespec(
            tv_sec: now.tv_sec + Int(wait.seconds) + nanoseconds / 1_000_000_000, tv_nsec: nanoseconds % 1_000_000_000)
    }
}
