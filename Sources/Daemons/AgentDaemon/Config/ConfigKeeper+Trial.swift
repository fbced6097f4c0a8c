import ConfigAPI
import Declarations
import Glibc
import HostSystem
import Logging
import Runtime
import Telemetry

/// Probation of what the server sends.
extension ConfigKeeper {
    /// Two configs and what is known of them.
    private static let largestTrial = 3 * ConfigDocument.largestBytes

    /// Before anything of the config is read: what is in it may be what kills the agent.
    func resumeTrial() {
        if let bytes = try? Files.read(rejectedPath, limit: Self.largestTrial),
            let rejected = try? RejectedConfig(parsing: bytes)
        {
            publish { $0.rejected = rejected }
        }
        guard let bytes = try? Files.read(trialPath, limit: Self.largestTrial),
            var trial = try? ConfigTrial(parsing: bytes)
        else { return }
        do throws(FileError) {
            if trial.begin() { return try takeBack(trial) }
            try Files.write(trial.json.canonical, to: trialPath)
            self.trial = trial
        } catch {
            logger.error("the probation of the config cannot be kept", metadata: .of([.reason: error.description]))
        }
    }

    private func takeBack(_ trial: ConfigTrial) throws(FileError) {
        let rejected = RejectedConfig(trial, at: now())
        // In this order: a crash in between takes it back once more.
        try Files.write(rejected.json.canonical, to: rejectedPath)
        let text: JSONValue = ["resources": .array(trial.previous.map(\.plain))]
        try Files.write(Array((text.indented + "\n").utf8), to: path)
        try Files.removeTree(trialPath)
        publish { $0.rejected = rejected }
        logger.error(
            "took the config before back: the agent died twice with the new one",
            metadata: .of([.generation: trial.generation, .digest: trial.digest]))
    }

    func beginTrial(of running: RunningSet, _ config: AgentConfig) throws(FileError) {
        // What was on trial is no good config yet: the one before it stays the one to go back to. The first config of an
        // agent has none: going back to nothing would take the host out of sight.
        let previous: [AgentConfig.Item] = trial?.previous ?? snapshot.running.items
        guard !previous.isEmpty else { return }
        let trial = ConfigTrial(
            of: config, running: running.digest, previous: previous,
            received: trial.map(\.received) ?? snapshot.obeyed, since: now())
        try Files.write(trial.json.canonical, to: trialPath)
        self.trial = trial
        guard snapshot.rejected != nil else { return }
        try Files.removeTree(rejectedPath)
        publish { $0.rejected = nil }
    }

    /// Whether this is the config that was taken back: then what runs stays, also where a resync asks for it.
    func refuseRejected(_ config: AgentConfig) throws(FileError) -> Bool {
        guard let rejected = snapshot.rejected, rejected.digest == config.digest else { return false }
        try Files.write(Array((config.json.indented + "\n").utf8), to: receivedPath, mode: 0o644)
        publish { $0.received = config }
        return true
    }

    /// A request was acknowledged whose newest frame is of `time`.
    func acknowledged(newest time: Timestamp) {
        guard trial?.acknowledged(newest: time) == true else { return }
        endTrial("the new config proved itself")
    }

    /// Somebody wrote `config.json`: what is there now is not what was on trial.
    func endTrialAfterEdit(_ digest: String) {
        guard let trial, trial.running != digest else { return }
        endTrial("config.json was edited, its probation ends")
    }

    private func endTrial(_ message: Logger.Message) {
        guard let ended = trial else { return }
        trial = nil
        do { try Files.removeTree(trialPath) } catch {
            logger.error("the probation of the config cannot be kept", metadata: .of([.reason: "\(error)"]))
        }
        logger.info(message, metadata: .of([.generation: ended.generation, .digest: ended.digest]))
    }

    /// The agent stops as it should: that is no crash.
    func pauseTrial() {
        guard var trial else { return }
        trial.isRunning = false
        try? Files.write(trial.json.canonical, to: trialPath)
        self.trial = trial
    }
}

extension ConfigKeeper.Snapshot {
    private var isReceivedRejected: Bool { rejected != nil && rejected?.digest == received?.digest }

    /// What the server sent last and this agent took over: not a config that it took back.
    var obeyed: AgentConfig? { isReceivedRejected ? rejected?.received : received }

    /// What runs while `config.json` cannot be read.
    var fallback: [AgentConfig.Item] { (isReceivedRejected ? rejected?.previous : received?.resources) ?? [] }
}

extension AgentConfig.Item {
    /// As it stands in `config.json`.
    fileprivate var plain: JSONValue { ["kind": .string(kind), "name": .string(name), "spec": spec] }
}
