package import Runtime
import Telemetry

/// The units of systemd, over the system bus: their states, how often services were restarted, when timers ran last. A
/// host without systemd has nothing to tell.
struct UnitsCollector: HostCollector {
    let name = "systemd"
    let exclusion: Exclusion
    private let bus: any UnitBus
    private var source: (any UnitSource)?
    /// `simple`, `notify`, … of the services of the last look: asked for when one is new, and of all now and then,
    /// because somebody may change it.
    private var serviceTypes: [String: String] = [:]
    private var looksWithTypes = 0
    private static let looksPerType = 30

    private static let states = ["active", "activating", "deactivating", "failed", "inactive"]

    init(exclusion: Exclusion, bus: any UnitBus) {
        self.exclusion = exclusion
        self.bus = bus
    }

    mutating func collect(into collected: inout Collected) async {
        do throws(FileError) {
            let source: any UnitSource
            if let kept = self.source { source = kept } else { source = try bus.connect() }
            self.source = nil
            try add(source, &collected)
            // Kept only when all went well: after a failure the connection may hold answers to old questions.
            self.source = source
        } catch {
            if !error.isAbsent { collected.problems.append(error.description) }
        }
    }

    private mutating func add(_ source: any UnitSource, _ collected: inout Collected) throws(FileError) {
        if let version = try source.systemVersion() {
            collected.add(Series("node_systemd_version", ["version": version]), Self.number(version))
        }
        if let state = try source.systemState() {
            collected.add("node_systemd_system_running", state == "running" ? 1 : 0)
        }
        let all: [SystemUnit] = try source.units()
        for state in Self.states {
            let count: Int = all.count { $0.activeState == state }
            collected.add("node_systemd_units", key: Array(state.utf8)[...], Double(count)) {
                Series("node_systemd_units", ["state": state])
            }
        }
        let units: [SystemUnit] = all.filter { $0.isLoaded && isWanted($0.name) }.sorted { $0.name < $1.name }
        try addServices(units.filter { $0.name.hasSuffix(".service") }, source, &collected)
        try addTimers(units.filter { $0.name.hasSuffix(".timer") }, source, &collected)
        for unit in units { addStates(unit, &collected) }
    }

    /// The first two numbers of `252.22-1~deb12u1`.
    private static func number(_ version: String) -> Double {
        let digits: Substring = version.prefix { $0.isNumber || $0 == "." }
        let parts: [Substring] = digits.split(separator: ".")
        return Double(parts.prefix(2).joined(separator: ".")) ?? 0
    }

    /// node_exporter's default: what is of the kernel's making, and what groups others, is left out.
    private func isWanted(_ name: String) -> Bool {
        let kinds = [".automount", ".device", ".mount", ".scope", ".slice"]
        return !kinds.contains { name.hasSuffix($0) } && !exclusion.covers(name)
    }

    private func addStates(_ unit: SystemUnit, _ collected: inout Collected) {
        let type: String = serviceTypes[unit.name] ?? ""
        // No unit has a space in its name.
        let key: Bytes = Array("\(unit.name) \(type)".utf8)[...]
        for (variant, state) in Self.states.enumerated() {
            collected.add(
                "node_systemd_unit_state", variant: variant, key: key, unit.activeState == state ? 1 : 0
            ) {
                Series(
                    "node_systemd_unit_state",
                    ["name": unit.name, "state": state, "type": type])
            }
        }
    }

    private mutating func addServices(
        _ services: [SystemUnit], _ source: any UnitSource, _ collected: inout Collected
    ) throws(FileError) {
        try learnTypes(services, source)
        for (unit, restarts) in zip(services, try source.properties("NRestarts", of: "Service", services)) {
            guard case .number(let count)? = restarts else { continue }
            collected.add("node_systemd_service_restart_total", "name", Array(unit.name.utf8)[...], Double(count))
        }
    }

    private mutating func learnTypes(_ services: [SystemUnit], _ source: any UnitSource) throws(FileError) {
        looksWithTypes += 1
        if looksWithTypes > Self.looksPerType { (serviceTypes, looksWithTypes) = ([:], 1) }
        let present = Set(services.map(\.name))
        serviceTypes = serviceTypes.filter { present.contains($0.key) }
        let fresh: [SystemUnit] = services.filter { serviceTypes[$0.name] == nil }
        for (unit, type) in zip(fresh, try source.properties("Type", of: "Service", fresh)) {
            if case .text(let type)? = type { serviceTypes[unit.name] = type }
        }
    }

    private func addTimers(
        _ timers: [SystemUnit], _ source: any UnitSource, _ collected: inout Collected
    ) throws(FileError) {
        for (unit, last) in zip(timers, try source.properties("LastTriggerUSec", of: "Timer", timers)) {
            guard case .number(let microseconds)? = last else { continue }
            collected.add(
                "node_systemd_timer_last_trigger_seconds", "name", Array(unit.name.utf8)[...],
                Double(microseconds) / 1e6)
        }
    }
}

/// A unit as systemd lists it.
package struct SystemUnit: Hashable, Sendable {
    package var name: String
    package var isLoaded: Bool
    package var activeState: String
    /// Its object on the bus.
    package var path: String

    package init(name: String, isLoaded: Bool = true, activeState: String, path: String) {
        self.name = name
        self.isLoaded = isLoaded
        self.activeState = activeState
        self.path = path
    }
}

/// Leads to what tells of units.
package protocol UnitBus: Sendable {
    /// Throws where there is none.
    func connect() throws(FileError) -> any UnitSource
}

/// What tells of units: systemd, or a test.
package protocol UnitSource: Sendable {
    func units() throws(FileError) -> [SystemUnit]
    func systemVersion() throws(FileError) -> String?
    func systemState() throws(FileError) -> String?
    /// One property of each unit, in their order; nil where a unit has none.
    func properties(_ property: String, of type: String, _ units: [SystemUnit]) throws(FileError) -> [BusValue?]
}
