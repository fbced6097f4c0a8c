package import ConfigAPI
package import Declarations
package import Telemetry

/// What a report says of one target as a whole.
package struct TargetReport: Hashable, Sendable, JSONCodable {
    package var name: TargetName
    package var state: State
    /// Why it is unknown, or what else a person should know.
    package var message: String?
    package var generation: Int?
    package var unhealthy: [Unhealthy]
    package var agents: [Agent]

    package enum State: String, CaseIterable, Hashable, Sendable { case inSync, drifted, unknown }

    package init(
        name: TargetName, state: State, message: String? = nil, generation: Int? = nil, unhealthy: [Unhealthy] = [],
        agents: [Agent] = []
    ) {
        self.name = name
        self.state = state
        self.message = message
        self.generation = generation
        self.unhealthy = unhealthy
        self.agents = agents
    }

    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        name = try reader.choice("name")
        state = try reader.choice("state")
        message = try reader.optionalString("message")
        generation = try reader.optionalInteger("generation")
        unhealthy = try reader.list("unhealthy")
        agents = try reader.list("agents")
    }

    package var json: JSONValue {
        .object(compacting: [
            "name": .string(name.rawValue), "state": .string(state.rawValue), "message": message.map(JSONValue.string),
            "generation": generation.map { .integer($0) }, "unhealthy": unhealthy.isEmpty ? nil : unhealthy.json,
            "agents": name == .agents ? agents.json : nil,
        ])
    }

    /// A resource that its component holds and cannot run as it should. Not drift.
    package struct Unhealthy: Hashable, Sendable, JSONCodable {
        package var resource: String
        package var state: String
        package var message: String?

        package init(resource: String, state: String, message: String?) {
            self.resource = resource
            self.state = state
            self.message = message
        }

        package init(json: JSONValue) throws(JSONFormError) {
            let reader = try JSONObjectReader(json)
            resource = try reader.string("resource")
            state = try reader.string("state")
            message = try reader.optionalString("message")
        }

        package var json: JSONValue {
            .object(compacting: [
                "resource": .string(resource), "state": .string(state), "message": message.map(JSONValue.string),
            ])
        }
    }

    package struct Agent: Hashable, Sendable, JSONCodable {
        package var host: String
        package var state: AgentComparison.State
        package var lastSeen: Timestamp
        /// The set digest that it runs.
        package var digest: String?
        /// Since when it is to run another one; nil while it runs what it should.
        package var behindSince: Timestamp?
        /// The commit that it was last seen to have applied.
        package var applied: AppliedCommit?
        package var messages: [String]

        package init(
            host: String, state: AgentComparison.State, lastSeen: Timestamp, digest: String? = nil,
            behindSince: Timestamp? = nil, applied: AppliedCommit? = nil, messages: [String]
        ) {
            self.host = host
            self.state = state
            self.lastSeen = lastSeen
            self.digest = digest
            self.behindSince = behindSince
            self.applied = applied
            self.messages = messages
        }

        package init(json: JSONValue) throws(JSONFormError) {
            let reader = try JSONObjectReader(json)
            host = try reader.string("host")
            state = try reader.choice("state")
            lastSeen = try reader.time("lastSeen")
            digest = try reader.optionalString("digest")
            behindSince = try reader.optionalTime("behindSince")
            applied = try reader.optionalValue("applied")
            messages = try reader.strings("messages")
        }

        package var json: JSONValue {
            .object(compacting: [
                "host": .string(host), "state": .string(state.rawValue), "lastSeen": .time(lastSeen),
                "digest": digest.map(JSONValue.string), "behindSince": behindSince.map(JSONValue.time),
                "applied": applied?.json, "messages": messages.isEmpty ? nil : .array(messages.map(JSONValue.string)),
            ])
        }
    }
}

extension Comparison {
    /// The targets as they stand. `plan` tells which differences count as drift that stays.
    package func targetReports(remaining plan: Plan) -> [TargetReport] {
        [storeReport(.server, server, plan), agentsReport(plan)]
            + (proxy.map { [storeReport(.proxy, $0, plan)] } ?? [])
            + (units.map { [storeReport(.systemd, $0, plan)] } ?? [])
    }

    private func storeReport(_ name: TargetName, _ store: Observed<ServerFacts>, _ plan: Plan) -> TargetReport {
        switch store {
        case .unreachable(let reason): return TargetReport(name: name, state: .unknown, message: reason)
        case .present(let facts):
            let unhealthy = facts.unhealthy.map {
                TargetReport.Unhealthy(
                    resource: $0.key.description, state: $0.health.state.rawValue, message: $0.health.message)
            }
            var report = TargetReport(
                name: name, state: .inSync, generation: name == .systemd ? nil : facts.generation, unhealthy: unhealthy)
            if plan.hasDifferences(on: name) {
                report.state = .drifted
            } else if let instance = facts.laggingInstances.first {
                report.state = .unknown
                let what: String =
                    instance.isSafeMode
                    ? "" : " runs generation \(instance.loadedGeneration) of \(facts.generation)"
                report.message = "instance \(instance.id)\(what)" + (instance.error.map { ": \($0)" } ?? "")
            }
            return report
        }
    }

    private func agentsReport(_ plan: Plan) -> TargetReport {
        if let agentsUnknown { return TargetReport(name: .agents, state: .unknown, message: agentsUnknown) }
        let items = agents.map {
            TargetReport.Agent(
                host: $0.host, state: $0.state, lastSeen: $0.lastSeen, digest: $0.digest, behindSince: $0.behindSince,
                applied: $0.applied, messages: $0.messages)
        }
        return TargetReport(
            name: .agents, state: plan.hasDifferences(on: .agents) ? .drifted : .inSync, agents: items)
    }
}

extension Plan {
    /// Whether a difference is there that counts: ignored and tolerated ones do not.
    package func hasDifferences(on target: TargetName) -> Bool {
        steps.contains {
            $0.target == target && $0.treatment != .ignore && $0.treatment != .leave(.tolerated)
                && $0.action != .record
        }
    }
}
