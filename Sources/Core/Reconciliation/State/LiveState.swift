package import ConfigAPI
package import Declarations

/// What was seen of a target. Unreachable is another thing than empty: nothing is ever concluded from it.
package enum Observed<Value: Hashable & Sendable>: Hashable, Sendable {
    case present(Value)
    case unreachable(reason: String)

    package var value: Value? { if case .present(let value) = self { value } else { nil } }
}

/// What the targets hold and run, as they answered in one run.
package struct LiveState: Hashable, Sendable {
    package var server: Observed<ConfigSnapshot>
    package var agents: Observed<[AgentView]>
    /// Nil where no proxy is configured.
    package var proxy: Observed<ConfigSnapshot>?
    /// The machine's own units in the form of a store; nil where none is or was declared.
    package var units: Observed<ConfigSnapshot>?
    /// Who deleted what is no longer there, from the audit log.
    package var deletions: [ResourceKey: ChangedBy]

    package init(
        server: Observed<ConfigSnapshot>, agents: Observed<[AgentView]>, proxy: Observed<ConfigSnapshot>? = nil,
        units: Observed<ConfigSnapshot>? = nil, deletions: [ResourceKey: ChangedBy] = [:]
    ) {
        self.server = server
        self.agents = agents
        self.proxy = proxy
        self.units = units
        self.deletions = deletions
    }

    /// Nothing answered.
    package static func unreachable(_ reason: String) -> LiveState {
        LiveState(server: .unreachable(reason: reason), agents: .unreachable(reason: reason))
    }
}
