import Glibc

/// The thread that made this value.
struct ThreadIdentity: Sendable {
    private let thread: UInt = UInt(pthread_self())

    var isCurrent: Bool { UInt(pthread_self()) == thread }
}
