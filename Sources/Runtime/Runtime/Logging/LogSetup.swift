import Glibc
package import Logging
import Synchronization
import Telemetry

/// How a program logs: to standard error, one line per event.
package struct LogSetup: Sendable {
    package var service: String
    package var level: Logger.Level
    package var format: LineLogHandler.Format

    package init(service: String, level: Logger.Level, format: LineLogHandler.Format) {
        self.service = service
        self.level = level
        self.format = format
    }

    /// From `PLUMB_LOG_LEVEL` (trace … critical; info unless said) and `PLUMB_LOG_FORMAT` (`json` or `text`; text on a
    /// terminal unless said). A value that is neither is treated as unsaid: a typing error must not stop a daemon.
    package init(service: String, environment: (String) -> String? = ProcessEnvironment.value) {
        self.service = service
        level = environment("PLUMB_LOG_LEVEL").flatMap { Logger.Level(rawValue: $0.lowercased()) } ?? .info
        let said: LineLogHandler.Format? = environment("PLUMB_LOG_FORMAT").flatMap { .init(rawValue: $0.lowercased()) }
        format = said ?? (isatty(STDERR_FILENO) == 1 ? .text : .json)
    }

    /// A logger of its own, without touching the process-wide set-up; for tests.
    package func logger(
        label: String? = nil, clock: @escaping WallClock = Timestamp.now,
        sink: @escaping LineLogHandler.Sink = StandardError.write
    ) -> Logger {
        Logger(label: label ?? service) { _ in
            LineLogHandler(service: service, level: level, format: format, clock: clock, sink: sink)
        }
    }

    /// Makes every `Logger(label:)` of the process log this way; only the first call of a process counts, so that
    /// commands that run inside a test process do no harm. Returns the program's logger.
    @discardableResult
    package func bootstrap() -> Logger {
        let isFirst: Bool = Self.isBootstrapped.withLock { bootstrapped in
            defer { bootstrapped = true }
            return !bootstrapped
        }
        if isFirst {
            LoggingSystem.bootstrap { [self] label in
                LineLogHandler(
                    service: service, level: level, format: format, clock: Timestamp.now, sink: StandardError.write)
            }
        }
        return Logger(label: service)
    }

    private static let isBootstrapped = Mutex(false)
}

/// Descriptor 2, written a line at a time.
package enum StandardError {
    /// Writes all of `text`. What cannot be written is lost: there is nowhere left to say so.
    @Sendable package static func write(_ text: String) {
        var rest: ArraySlice<UInt8> = Array(text.utf8)[...]
        while !rest.isEmpty {
            let written: Int = rest.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
            if written < 0 {
                guard errno == EINTR || errno == EAGAIN else { return }
                continue
            }
            rest = rest.dropFirst(written)
        }
    }
}
