import Declarations
import Telemetry

/// What a collector is told to leave out: shell globs over metric names, devices, mount points and file-system types.
package struct Exclusion: Sendable {
    private let globs: [Glob]

    static let nothing = Exclusion([])

    init(_ globs: [String]) { self.globs = globs.map { Glob($0) } }

    var isEmpty: Bool { globs.isEmpty }

    func covers(_ text: String) -> Bool { globs.contains { $0.matches(text) } }
}

/// Which devices are left out, remembered: matching globs each time would cost more than reading the numbers.
struct DeviceSelection: Sendable {
    private let isLeftOut: @Sendable (Bytes) -> Bool
    private var verdicts: [(name: [UInt8], isLeftOut: Bool)] = []
    private var position = 0

    init(_ isLeftOut: @escaping @Sendable (Bytes) -> Bool) { self.isLeftOut = isLeftOut }

    init(_ exclusion: Exclusion) {
        self.init { name in !exclusion.isEmpty && exclusion.covers(label(name)) }
    }

    /// Begins with the first device again. The kernel lists them in the same order each time.
    mutating func begin() { position = 0 }

    mutating func leavesOut(_ name: Bytes) -> Bool {
        defer { position += 1 }
        if position < verdicts.count, name.elementsEqual(verdicts[position].name) {
            return verdicts[position].isLeftOut
        }
        let verdict = (name: Array(name), isLeftOut: isLeftOut(name))
        if position < verdicts.count { verdicts[position] = verdict } else { verdicts.append(verdict) }
        return verdict.isLeftOut
    }
}
