import Glibc
import Runtime

/// Questions about processes that are not our children any more.
package enum ProcessTable {
    /// When the process started, in the kernel's ticks since boot; nil where there is no such process, or a zombie.
    package static func startTicks(_ process: Int32) -> UInt64? {
        guard let content = try? Files.text("/proc/\(process)/stat") else { return nil }
        // The name, in parentheses, may hold blanks and parentheses: fields are counted from the last one.
        guard let end = content.lastIndex(of: ")") else { return nil }
        let fields: [Substring] = content[content.index(after: end)...].split(separator: " ")
        guard fields.count > 19, fields[0] != "Z" else { return nil }
        return UInt64(fields[19])
    }

    /// Whether `process` still is the one that started at `startTicks`.
    package static func isRunning(_ process: Int32, startTicks: UInt64?) -> Bool {
        guard let now = Self.startTicks(process) else { return false }
        return startTicks.map { $0 == now } ?? true
    }

    /// Waits until the process is gone; false where it is not at the deadline.
    package static func waitForEnd(
        of process: Int32, startTicks: UInt64?, within limit: Duration, clock: any Clock<Duration> = ContinuousClock()
    ) async throws -> Bool {
        let step: Duration = .milliseconds(50)
        var waited: Duration = .zero
        while isRunning(process, startTicks: startTicks) {
            guard waited < limit else { return false }
            try await clock.sleep(for: step)
            waited += step
        }
        return true
    }
}
