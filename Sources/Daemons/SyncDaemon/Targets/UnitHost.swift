package import Systemd
package import SystemdUnits
import Runtime

/// The machine's units as the reconciler sees and changes them. Small enough for an in-memory twin.
package protocol UnitHost: Sendable {
    /// One look for each unit, in their order.
    func looks(at units: [String]) async throws(SystemdError) -> [UnitLook]
    func carryOut(_ operation: UnitOperation) async throws(SystemdError)
    /// The unit that this process runs in; nil where it is none.
    var ownUnit: String? { get }
}

/// This machine: systemctl to look, the helper to change.
struct SystemdHost: UnitHost {
    let systemctl: Systemctl
    let helper: HelperClient
    let ownUnit: String?

    init(
        systemctl: Systemctl = Systemctl(), helper: HelperClient, cgroup: String? = try? Files.text("/proc/self/cgroup")
    ) {
        self.systemctl = systemctl
        self.helper = helper
        ownUnit = Self.unit(inCgroup: cgroup ?? "")
    }

    /// The last part of the path on the line of systemd's own hierarchy (`1:name=systemd:/…` or `0::/…`).
    static func unit(inCgroup text: String) -> String? {
        let paths = text.split(separator: "\n").filter { $0.contains(":name=systemd:") || $0.hasPrefix("0::") }
        return paths.lazy.compactMap { $0.split(separator: "/").last.map(String.init) }
            .first { $0.hasSuffix(".service") }
    }

    func looks(at units: [String]) async throws(SystemdError) -> [UnitLook] { try await systemctl.looks(at: units) }

    func carryOut(_ operation: UnitOperation) async throws(SystemdError) {
        // This process is told to end before the answer could come; until then the run tells what it did.
        if let ownUnit, operation == .change(.restart, unit: ownUnit) { return try await helper.ask(operation) }
        try await helper.carryOut(operation)
    }
}
