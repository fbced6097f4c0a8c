import Glibc
import Runtime
import Synchronization

/// How far long work is, on standard error: a line that is written over on a terminal, a line now and then elsewhere.
final class ProgressLine: Sendable {
    private struct State {
        var last: ContinuousClock.Instant
        var isShown = false
    }

    private let isTerminal: Bool
    private let start: ContinuousClock.Instant
    private let state: Mutex<State>
    private let write: @Sendable (String) -> Void

    init(
        isTerminal: Bool = ProgressLine.isStandardErrorATerminal,
        write: @escaping @Sendable (String) -> Void = { StandardError.write($0) }
    ) {
        self.isTerminal = isTerminal
        self.write = write
        start = .now
        state = Mutex(State(last: .now))
    }

    /// A terminal that understands how to go back to a line's beginning.
    static var isStandardErrorATerminal: Bool {
        isatty(STDERR_FILENO) == 1 && ProcessEnvironment.value("TERM") != "dumb"
    }

    /// Shows how far it is, if it is time to: ten times a second on a terminal, every ten seconds elsewhere.
    func show(_ text: (Duration) -> String) {
        let now: ContinuousClock.Instant = .now
        let isDue: Bool = state.withLock { state in
            guard now - state.last >= (isTerminal ? .milliseconds(100) : .seconds(10)) else { return false }
            state.last = now
            state.isShown = true
            return true
        }
        guard isDue else { return }
        let line: String = text(now - start)
        write(isTerminal ? "\r\u{1B}[K\(line)" : "\(line)\n")
    }

    /// Takes the line away.
    func clear() {
        let wasShown: Bool = state.withLock { state in
            defer { state.isShown = false }
            return state.isShown
        }
        if wasShown, isTerminal { write("\r\u{1B}[K") }
    }

    var elapsed: Duration { .now - start }
}

/// Numbers for people.
enum Amounts {
    /// `1.2 GB`: powers of a thousand.
    static func bytes(_ count: Int) -> String {
        var (value, unit) = (Double(count), 0)
        let units: [String] = ["B", "kB", "MB", "GB", "TB"]
        while value >= 999.95, unit < units.count - 1 {
            value /= 1000
            unit += 1
        }
        if unit == 0 { return "\(count) B" }
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10) \(units[unit])"
    }

    /// `1,234,567`.
    static func count(_ number: Int) -> String {
        let digits: [Character] = Array("\(number)")
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index).isMultiple(of: 3) { text += "," }
            text.append(digit)
        }
        return text
    }

    static func seconds(_ duration: Duration) -> Double {
        Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18
    }

    /// Bytes per second.
    static func rate(_ count: Int, in duration: Duration) -> String {
        bytes(Int(Double(count) / max(seconds(duration), 0.001))) + "/s"
    }
}
