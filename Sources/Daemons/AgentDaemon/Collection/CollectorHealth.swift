import HostSystem
import Synchronization

/// How each collector fared the last time.
final class CollectorHealth: Sendable {
    struct Report: Hashable, Sendable {
        var isFailing: Bool
        /// What went wrong, in short; also said of a collector that runs, where the host is at fault.
        var error: String?

        init(isFailing: Bool, error: String?) {
            self.isFailing = isFailing
            self.error = error
        }

        init(_ collected: Collected) {
            isFailing = !collected.problems.isEmpty
            let messages: [String] = collected.problems + collected.remarks
            guard !messages.isEmpty else { return }
            error =
                messages.prefix(3).joined(separator: "; ")
                + (messages.count > 3 ? "; and \(messages.count - 3) more" : "")
        }
    }

    private let reports = Mutex<[String: Report]>([:])
    private let onChange: @Sendable () -> Void

    init(onChange: @escaping @Sendable () -> Void) { self.onChange = onChange }

    subscript(name: String) -> Report? { reports.withLock { $0[name] } }

    func set(_ name: String, _ report: Report) {
        let earlier: Report? = reports.withLock { $0.updateValue(report, forKey: name) }
        if earlier != report { onChange() }
    }

    func forget(_ name: String) { reports.withLock { _ = $0.removeValue(forKey: name) } }
}
