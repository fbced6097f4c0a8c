import Glibc

/// How long a machine has been on, its sleep included (`CLOCK_BOOTTIME`). Two of one boot tell how much time lies between
/// them, whatever happened to the time of day, also across restarts of the program.
package struct Uptime: Hashable, Sendable {
    /// Names the boot (`random(4)`, `/proc/sys/kernel/random/boot_id`).
    package var boot: String
    package var elapsed: Duration

    package init(boot: String, elapsed: Duration) {
        self.boot = boot
        self.elapsed = elapsed
    }

    /// Nil where the two are not of one boot.
    package func since(_ earlier: Uptime) -> Duration? {
        boot == earlier.boot ? elapsed - earlier.elapsed : nil
    }

    package static func now() -> Uptime {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return Uptime(boot: boot, elapsed: .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec))
    }

    /// Where the kernel does not say, one that no other process has.
    private static let boot: String =
        (try? Files.text("/proc/sys/kernel/random/boot_id").trimmed) ?? "process-\(UInt64.random(in: 0 ... .max))"
}
