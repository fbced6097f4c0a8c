package import Declarations
package import Telemetry

/// The set of resources that one host is to run: the answer of `GET /v1/agent/config`, and the content of the agent's
/// `config.json`.
package struct AgentConfig: Hashable, Sendable, JSONCodable {
    package var storeId: String
    package var generation: Int
    /// The set digest over `resources`.
    package var digest: String
    package var resources: [Item]
    /// Requests to set resources right that differ from what the server sent, counted per host: the number of the last.
    package var resyncNumber: Int
    /// `Kind/name` of what the requests since the one that the agent named are about. Everything else that was changed
    /// on the host stays: the server never resends by itself.
    package var resync: [String]

    package init(
        storeId: String, generation: Int, digest: String, resources: [Item], resyncNumber: Int = 0,
        resync: [String] = []
    ) {
        self.storeId = storeId
        self.generation = generation
        self.digest = digest
        self.resources = resources
        self.resyncNumber = resyncNumber
        self.resync = resync
    }

    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        storeId = try reader.string("storeId")
        generation = try reader.integer("generation")
        digest = try reader.string("digest")
        resources = try reader.list("resources")
        resyncNumber = try reader.optionalInteger("resyncNumber") ?? 0
        resync = try reader.strings("resync")
    }

    package var json: JSONValue {
        [
            "storeId": .string(storeId), "generation": .integer(generation), "digest": .string(digest),
            "resources": resources.json, "resyncNumber": .integer(resyncNumber),
            "resync": .array(resync.map(JSONValue.string)),
        ]
    }

    /// The ETag that the agent hands back with `If-None-Match` when it waits for the next config.
    package var entityTag: String { "\"\(digest)/\(resyncNumber)\"" }

    package struct Item: Hashable, Sendable, JSONCodable {
        package var kind: String
        package var name: String
        package var spec: JSONValue
        package var digest: String

        package init(kind: String, name: String, spec: JSONValue, digest: String) {
            self.kind = kind
            self.name = name
            self.spec = spec
            self.digest = digest
        }

        package init(json: JSONValue) throws(JSONFormError) {
            let reader = try JSONObjectReader(json)
            kind = try reader.string("kind")
            name = try reader.string("name")
            spec = try reader.required("spec")
            digest = try reader.string("digest")
        }

        package var json: JSONValue {
            ["kind": .string(kind), "name": .string(name), "spec": spec, "digest": .string(digest)]
        }
    }
}

/// What one agent says that it runs: the body of `POST /v1/agent/status`.
package struct AgentStatus: Hashable, Sendable, JSONCodable {
    package var host: String
    package var agentId: String
    package var bootId: String
    package var version: String
    package var running: Running
    /// The file that the agent obeys.
    package var file: ConfigFile
    /// The agent's clock minus the server's, in milliseconds, where it was measured.
    package var clockOffsetMilliseconds: Int?
    /// Facts of the host, without the prefix `fact_` that labels made from them get.
    package var facts: [String: String]
    /// What became of what the agent collected; nil from agents that do not say.
    package var delivery: DeliveryReport?

    package struct Running: Hashable, Sendable {
        package var storeId: String?
        package var generation: Int?
        package var digest: String
        package var resources: [Item]

        package init(storeId: String?, generation: Int?, digest: String, resources: [Item]) {
            self.storeId = storeId
            self.generation = generation
            self.digest = digest
            self.resources = resources
        }
    }

    /// One resource that runs, or that should and cannot.
    package struct Item: Hashable, Sendable, JSONCodable {
        package var kind: String
        package var name: String
        package var spec: JSONValue
        package var digest: String
        package var state: State
        package var error: String?

        package enum State: String, CaseIterable, Sendable { case running, failing, shadowed, rejected }

        package init(kind: String, name: String, spec: JSONValue, digest: String, state: State, error: String? = nil) {
            self.kind = kind
            self.name = name
            self.spec = spec
            self.digest = digest
            self.state = state
            self.error = error
        }

        package init(json: JSONValue) throws(JSONFormError) {
            let reader = try JSONObjectReader(json)
            kind = try reader.string("kind")
            name = try reader.string("name")
            spec = try reader.required("spec")
            digest = try reader.string("digest")
            state = try reader.choice("state")
            error = try reader.optionalString("error")
        }

        package var json: JSONValue {
            .object(compacting: [
                "kind": .string(kind), "name": .string(name), "spec": spec, "digest": .string(digest),
                "state": .string(state.rawValue), "error": error.map(JSONValue.string),
            ])
        }
    }

    package struct ConfigFile: Hashable, Sendable, JSONCodable {
        /// The set digest of what the file holds now; nil where it cannot be read as a config (`error` says why).
        package var digest: String?
        /// The set digest that the server sent last; differs from `digest` after an edit by hand.
        package var receivedDigest: String?
        package var changedAt: Timestamp?
        /// The user who owns the file. Who wrote it is not knowable.
        package var owner: String?
        package var error: String?

        package init(
            digest: String?, receivedDigest: String?, changedAt: Timestamp?, owner: String?, error: String? = nil
        ) {
            self.digest = digest
            self.receivedDigest = receivedDigest
            self.changedAt = changedAt
            self.owner = owner
            self.error = error
        }

        package init(json: JSONValue) throws(JSONFormError) {
            let reader = try JSONObjectReader(json)
            digest = try reader.optionalString("digest")
            receivedDigest = try reader.optionalString("receivedDigest")
            changedAt = try reader.optionalTime("changedAt")
            owner = try reader.optionalString("owner")
            error = try reader.optionalString("error")
        }

        package var json: JSONValue {
            .object(compacting: [
                "digest": digest.map(JSONValue.string), "receivedDigest": receivedDigest.map(JSONValue.string),
                "changedAt": changedAt.map(JSONValue.time), "owner": owner.map(JSONValue.string),
                "error": error.map(JSONValue.string),
            ])
        }
    }

    package init(
        host: String, agentId: String, bootId: String, version: String, running: Running, file: ConfigFile,
        clockOffsetMilliseconds: Int?, facts: [String: String], delivery: DeliveryReport? = nil
    ) {
        self.host = host
        self.agentId = agentId
        self.bootId = bootId
        self.version = version
        self.running = running
        self.file = file
        self.clockOffsetMilliseconds = clockOffsetMilliseconds
        self.facts = facts
        self.delivery = delivery
    }

    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        host = try reader.string("host")
        agentId = try reader.string("agentId")
        bootId = try reader.string("bootId")
        version = try reader.string("version")
        let run = try JSONObjectReader(try reader.required("running"), path: "/running")
        running = Running(
            storeId: try run.optionalString("storeId"), generation: try run.optionalInteger("generation"),
            digest: try run.string("digest"), resources: try run.list("resources"))
        file = try reader.value("file")
        clockOffsetMilliseconds = try reader.optionalInteger("clockOffset")
        facts = try reader.stringMap("facts")
        delivery = try json["delivery"].map { (item) throws(JSONFormError) in try DeliveryReport(json: item) }
    }

    package var json: JSONValue {
        .object(compacting: [
            "host": .string(host), "agentId": .string(agentId), "bootId": .string(bootId), "version": .string(version),
            "running": .object(compacting: [
                "storeId": running.storeId.map(JSONValue.string), "generation": running.generation.map { .integer($0) },
                "digest": .string(running.digest), "resources": running.resources.json,
            ]),
            "file": file.json, "clockOffset": clockOffsetMilliseconds.map { .integer($0) }, "facts": facts.json,
            "delivery": delivery?.json,
        ])
    }
}

/// One agent as the server sees it: an item of `GET /v1/agents`.
package struct AgentView: Hashable, Sendable, JSONCodable {
    package var host: String
    package var lastSeen: Timestamp
    /// False for an agent unseen for its group's `downAfter`: it is unknown, counted, and without effect.
    package var isFresh: Bool
    /// What the host is to run, and since when that has been so.
    package var expected: AgentConfig
    package var expectedSince: Timestamp
    package var status: AgentStatus
    /// The commit that the host was last seen to have applied; nil where that is not known.
    package var applied: AppliedCommit?

    package init(
        host: String, lastSeen: Timestamp, isFresh: Bool, expected: AgentConfig, expectedSince: Timestamp,
        status: AgentStatus, applied: AppliedCommit? = nil
    ) {
        self.host = host
        self.lastSeen = lastSeen
        self.isFresh = isFresh
        self.expected = expected
        self.expectedSince = expectedSince
        self.status = status
        self.applied = applied
    }

    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        host = try reader.string("host")
        lastSeen = try reader.time("lastSeen")
        isFresh = try reader.bool("isFresh", default: false)
        expected = try reader.value("expected")
        expectedSince = try reader.time("expectedSince")
        status = try reader.value("status")
        applied = try reader.optionalValue("applied")
    }

    package var json: JSONValue {
        .object(compacting: [
            "host": .string(host), "lastSeen": .time(lastSeen), "isFresh": .bool(isFresh), "expected": expected.json,
            "expectedSince": .time(expectedSince), "status": status.json, "applied": applied?.json,
        ])
    }
}

/// Which hosts are to fetch their config again and drop what differs: the body of `POST /v1/agents/resync`.
package struct AgentResync: Hashable, Sendable, JSONCodable {
    package var hosts: [String]
    /// `Kind/name` of the resources to set right; those of the host that are not named keep what runs.
    package var resources: [String]

    package init(hosts: [String], resources: [String]) {
        self.hosts = hosts
        self.resources = resources
    }

    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        hosts = try reader.strings("hosts")
        resources = try reader.strings("resources")
    }

    package var json: JSONValue {
        ["hosts": .array(hosts.map(JSONValue.string)), "resources": .array(resources.map(JSONValue.string))]
    }
}
