import Declarations
import Telemetry

/// What a collector is told to leave out: shell globs over metric names, devices, mount points and file-system types.
struct Exclusion: Sendable {
    private let globs: [Glob]

    init(_ globs: [String]) { self.globs = globs.map { Glob($0) } }

    func covers(_ text: String) -> Bool { globs.contains { $0.matches(text) } }

    /// Leaves out what is excluded by the metric's name; devices are left out before they are looked at.
    func apply(to collected: inout Collected) {
        guard !globs.isEmpty else { return }
        collected.measurements.removeAll { covers($0.series.name) }
    }
}
