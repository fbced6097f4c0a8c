import Glibc
import Runtime
import SystemdUnits
package import Telemetry

/// What systemd units leave in the file system. It changes when somebody starts, stops, enables, disables or sets one, and
/// is read in microseconds, without systemd. A timer or a socket that is started or stopped leaves nothing.
///
/// Source: systemd links `/run/systemd/units/invocation:UNIT` to the id of each run of a unit (`unit_export_state_files`).
package struct UnitTraces: Hashable, Sendable {
    /// The present run of each unit that has one.
    package private(set) var runs: [String: String] = [:]
    /// When files and folders of units changed last.
    package private(set) var changes: [String: Timestamp] = [:]

    package static let standardRuns = "/run/systemd/units"

    /// Targets that units of ours are enabled for.
    private static let targets = ["multi-user", "timers", "sockets"]

    /// - Parameters:
    ///   - folder: where a machine's own units and drop-ins are.
    ///   - runs: where systemd says which units run.
    package init(
        of units: [String], in folder: String = Systemctl.standardFolder, runs: String = Self.standardRuns
    ) {
        guard !units.isEmpty else { return }
        for unit in units {
            self.runs[unit] = Self.link("\(runs)/invocation:\(unit)")
            note("\(folder)/\(unit).d")
            note(DropIn.path(of: unit, in: folder))
        }
        note(folder)
        for target in Self.targets { note("\(folder)/\(target).target.wants") }
    }

    private mutating func note(_ path: String) { changes[path] = Files.changedAt(path) }

    private static func link(_ path: String) -> String? {
        var buffer = [CChar](repeating: 0, count: 128)
        let count: Int = readlink(path, &buffer, buffer.count)
        guard count > 0 else { return nil }
        return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
