import Alerting
import ConfigAPI
import ConfigAPIServer
import Database
package import Declarations
import HTTPTypes
package import Hummingbird
package import StoreService
import Telemetry

/// `GET /api/v1/hosts`: every host with its status, its groups and labels, and whether its agent runs what it is to run.
package struct HostRoutes: RouteGroup {
    private let hosts: HostDirectory

    package init(hosts: HostDirectory) { self.hosts = hosts }

    package func add(to router: Router<ServerContext>) {
        router.group("/api/v1/hosts", requiring: .query)
            .get { _, _ in Response.json(["hosts": .array(try await hosts.hosts().map(\.json))]) }
            .get(":host") { _, context in try await host(context) }
    }

    private func host(_ context: ServerContext) async throws -> Response {
        let name: String = try context.parameters.require("host")
        guard let view = try await hosts.hosts().first(where: { $0.name == name }) else {
            throw HTTPProblem(.notFound, "no host \"\(name)\" ever reported, and no HostGroup expects it")
        }
        return .json(view.json)
    }
}

extension KnownHost {
    package var json: JSONValue {
        .object(compacting: [
            "host": .string(name), "status": .string(status.rawValue), "lastSeen": lastSeen.map(JSONValue.time),
            "groups": .array(profile.groups.map(JSONValue.string)), "labels": profile.labels.json,
            "staleAfter": .string(profile.staleAfter.description), "downAfter": .string(profile.downAfter.description),
            "delivery": balance?.json,
            "clones": clones.isEmpty ? nil : .array(clones.map(\.json)),
            "agent": agent.map { agent in
                .object(compacting: [
                    "version": .string(agent.version), "runningDigest": .string(agent.running.digest),
                    "expectedDigest": expectedDigest.map(JSONValue.string),
                    "inSync": expectedDigest.map { .bool($0 == agent.running.digest) },
                    "behindSince": behindSince.map(JSONValue.time), "applied": applied?.json,
                    "configError": agent.file.error.map(JSONValue.string),
                    "clockOffset": agent.clockOffsetMilliseconds.map { .integer($0) },
                    "resources": .array(agent.running.resources.map(\.summary)),
                ])
            },
        ])
    }
}

extension AgentStore.Instance {
    fileprivate var json: JSONValue {
        .object(compacting: [
            "agentId": .string(agentId), "bootId": .string(bootId), "address": address.map(JSONValue.string),
            "lastSeen": .time(lastSeen),
        ])
    }
}

extension AgentStatus.Item {
    fileprivate var summary: JSONValue {
        .object(compacting: [
            "kind": .string(kind), "name": .string(name), "state": .string(state.rawValue),
            "error": error.map(JSONValue.string),
        ])
    }
}
