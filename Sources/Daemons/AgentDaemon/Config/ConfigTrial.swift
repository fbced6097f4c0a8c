package import ConfigAPI
package import Declarations
package import Telemetry

/// New config on probation: it runs, and until three ticks of it were acknowledged the config before is kept. An agent
/// that dies twice before that takes the one before back.
///
/// A tick may come in several requests, one for each producer or thousand points: they are one as long as their times lie
/// less than a second apart, the shortest interval of a collector.
///
/// Kept in `config.next`, which is there exactly as long as a trial is.
package struct ConfigTrial: Hashable, Sendable {
    /// The set digest of what the server sent.
    package var digest: String
    /// The set digest of what runs of it: another, where resources were edited here.
    package var running: String
    package var generation: Int
    /// What ran before, and runs again if this fails.
    package var previous: [AgentConfig.Item]
    /// What the server had sent of that; nil where it had sent nothing.
    package var received: AgentConfig?
    /// Frames that were collected before are no proof.
    package var since: Timestamp
    /// How often the agent died with it.
    package var crashes = 0
    /// Whether an agent runs with it now: one that starts and finds it so did not end as it should.
    package var isRunning = true
    /// Ticks that were acknowledged in this run.
    package var ticks = 0
    /// When the last of them was.
    private var lastTick: Timestamp?

    package static let ticksNeeded = 3
    package static let tickDistance = PromDuration.seconds(1)
    package static let crashesAllowed = 1

    package init(
        of config: AgentConfig, running: String, previous: [AgentConfig.Item], received: AgentConfig?, since: Timestamp
    ) {
        digest = config.digest
        generation = config.generation
        self.running = running
        self.previous = previous
        self.received = received
        self.since = since
    }

    /// An agent starts and finds the trial. Answers whether it failed.
    package mutating func begin() -> Bool {
        if isRunning { crashes += 1 }
        isRunning = true
        ticks = 0
        lastTick = nil
        return crashes > Self.crashesAllowed
    }

    /// A request was acknowledged whose newest frame is of `time`. Answers whether the trial is passed.
    package mutating func acknowledged(newest time: Timestamp) -> Bool {
        guard time > since else { return false }
        if lastTick.map({ time >= $0 + Self.tickDistance }) ?? true {
            ticks += 1
            lastTick = time
        }
        return ticks >= Self.ticksNeeded
    }
}

extension ConfigTrial: JSONCodable {
    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        digest = try reader.string("digest")
        running = try reader.string("running")
        generation = try reader.optionalInteger("generation") ?? 0
        previous = try reader.list("previous")
        received = try reader.optionalValue("received")
        since = try reader.time("since")
        crashes = try reader.optionalInteger("crashes") ?? 0
        isRunning = try reader.bool("isRunning", default: true)
    }

    package var json: JSONValue {
        .object(compacting: [
            "digest": .string(digest), "running": .string(running), "generation": .integer(generation),
            "previous": previous.json, "received": received?.json,
            "since": .time(since), "crashes": .integer(crashes), "isRunning": .bool(isRunning),
        ])
    }
}

/// A config that failed its trial: it is not tried again until the server sends another.
package struct RejectedConfig: Hashable, Sendable, JSONCodable {
    package var digest: String
    package var generation: Int
    package var at: Timestamp
    /// What was taken back instead, and what the server had sent of that.
    package var previous: [AgentConfig.Item]
    package var received: AgentConfig?

    package init(_ trial: ConfigTrial, at: Timestamp) {
        digest = trial.digest
        generation = trial.generation
        previous = trial.previous
        received = trial.received
        self.at = at
    }

    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        digest = try reader.string("digest")
        generation = try reader.optionalInteger("generation") ?? 0
        at = try reader.time("at")
        previous = try reader.list("previous")
        received = try reader.optionalValue("received")
    }

    package var json: JSONValue {
        .object(compacting: [
            "digest": .string(digest), "generation": .integer(generation), "at": .time(at),
            "previous": previous.json, "received": received?.json,
        ])
    }

    /// What the status says of each resource that should run and does not.
    package var reason: String {
        "the agent died \(ConfigTrial.crashesAllowed + 1) times with the config of generation \(generation) and took "
            + "the one before back at \(at.rfc3339); another config is tried again"
    }
}
