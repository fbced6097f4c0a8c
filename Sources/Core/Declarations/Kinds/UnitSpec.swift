/// What is to become of one shipped systemd unit on the machine of `gitops-sync`.
package struct UnitSpec: Hashable, Sendable {
    /// `plumb-server.service`.
    package var unit: String
    /// Whether it starts with the machine; nil: left as it is.
    package var enabled: Bool?
    /// Whether it runs (for a timer: is waiting) now; nil: left as it is.
    package var state: State?
    /// Settings of the unit in normal form. They make up the unit's drop-in; without any there is none.
    package var settings: [UnitSetting: JSONValue]
    /// A running unit is restarted when a commit changes one of these.
    package var restartOn: [ResourceKey]

    /// Whether `name` can be a unit's at all.
    package static func isValidUnit(_ name: String) -> Bool {
        TextRule.unitName.objection(name) == nil && name.utf8.count <= 200
    }

    package enum State: String, CaseIterable, Hashable, Sendable { case running, stopped }

    package init(
        unit: String, enabled: Bool? = nil, state: State? = nil, settings: [UnitSetting: JSONValue] = [:],
        restartOn: [ResourceKey] = []
    ) {
        self.unit = unit
        self.enabled = enabled
        self.state = state
        self.settings = settings
        self.restartOn = restartOn
    }
}

/// The settings that a manifest may give a unit: systemd's names. The list is closed, because most others lead to
/// running something (`ExecStart=`, `EnvironmentFile=`) or to more rights.
package enum UnitSetting: String, CaseIterable, Hashable, Sendable {
    case onCalendar = "OnCalendar"
    case onUnitActiveSec = "OnUnitActiveSec"
    case randomizedDelaySec = "RandomizedDelaySec"
    case memoryMax = "MemoryMax"
    case cpuQuota = "CPUQuota"
    case nice = "Nice"

    /// The section of a unit file in which it stands.
    package var section: Section {
        switch self {
        case .onCalendar, .onUnitActiveSec, .randomizedDelaySec: .timer
        case .memoryMax, .cpuQuota, .nice: .service
        }
    }

    package enum Section: String, CaseIterable, Hashable, Sendable {
        case timer = "Timer"
        case service = "Service"

        /// How the names of units end that have it.
        package var suffix: String { self == .timer ? ".timer" : ".service" }
    }
}
