import ConfigAPI
import Declarations
import Glibc
import HostSystem
import Logging
import Runtime
import Synchronization
import Telemetry

/// Holds what the agent is to run, in `config.json`, and obeys that file.
///
/// A config from the server that changes what runs is on probation first: ``ConfigTrial``.
///
/// Two files: `config.json` is what runs, whoever wrote it last; `received.json` is what the server sent last, so that
/// after a restart too the agent can tell what is new from the server and what was changed here. `config.json` is
/// written first: a crash in between makes the same answer arrive again, which changes nothing.
actor ConfigKeeper {
    /// What is known now; read from any task.
    struct Snapshot: Sendable {
        var received: AgentConfig?
        var running: RunningSet
        var file: AgentStatus.ConfigFile
        /// What the server sent and the agent does not survive.
        var rejected: RejectedConfig?
    }

    nonisolated let path: String
    let receivedPath: String
    private let refusedPath: String
    let trialPath: String
    let rejectedPath: String
    let now: @Sendable () -> Timestamp
    private let decoder: ResourceDecoder
    let logger: Logger
    private let published: Mutex<Snapshot>
    private let changeCount = Atomic(0)
    private let onChange: @Sendable () -> Void
    private let executor = BlockingExecutor(name: "config")
    /// However surely changes are told.
    private static let longestWithoutLook = Duration.seconds(5)
    /// The content of `config.json` as it was looked at last.
    private var seen: Seen?
    var trial: ConfigTrial?

    private struct Seen: Equatable {
        var bytes: [UInt8]
        var owner: UInt32
    }

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
    nonisolated var snapshot: Snapshot { published.withLock { $0 } }
    /// How often the snapshot was another.
    nonisolated var changes: Int { changeCount.load(ordering: .acquiring) }

    init(
        stateDirectory: String, now: @escaping @Sendable () -> Timestamp = Timestamp.now, logger: Logger,
        onChange: @escaping @Sendable () -> Void
    ) {
        path = "\(stateDirectory)/config.json"
        receivedPath = "\(stateDirectory)/received.json"
        refusedPath = "\(stateDirectory)/config.refused.json"
        trialPath = "\(stateDirectory)/config.next"
        rejectedPath = "\(stateDirectory)/config.rejected.json"
        self.now = now
        decoder = ResourceDecoder(sha256: Digests.sha256)
        self.logger = logger
        self.onChange = onChange
        let nothing = RunningSet([], decoder: decoder, sha256: Digests.sha256)
        let file = AgentStatus.ConfigFile(digest: nil, receivedDigest: nil, changedAt: nil, owner: nil)
        published = Mutex(Snapshot(received: nil, running: nothing, file: file))
    }

    /// Reads both files. Without a readable `config.json` the last received config runs, or what ran before it where it
    /// was taken back; without any `config.json` nothing does until the server answers, so that removing the file starts
    /// afresh.
    func load() -> FileStamp? {
        resumeTrial()
        let stamp: FileStamp? = try? FileStamp(of: path)
        guard stamp != nil else { return nil }
        if let bytes = try? Files.read(receivedPath, limit: ConfigDocument.largestBytes) {
            do throws(JSONFormError) {
                let received = try AgentConfig(parsing: bytes)
                publish { $0.received = received }
            } catch {
                logger.warning("the received config cannot be read", metadata: .of([.reason: error.description]))
            }
        }
        look()
        let present: Snapshot = snapshot
        if present.file.error != nil {
            publish { $0.running = self.runningSet(present.fallback) }
        }
        return stamp
    }

    /// Looks at `config.json` again and again, and at the host's clock as often, until cancelled. Each `interval` at least,
    /// unless the kernel tells of changes: then at each of them.
    nonisolated func watch(
        since stamp: FileStamp?, every interval: Duration, _ clocks: AgentClocks, _ clockWatch: ClockWatch
    ) async {
        let events: FileEvents? = clocks.fileEvents(for: executor)
        await withDiscardingTaskGroup { group in
            if let events { group.addTask { await events.run() } }
            group.addTask { await self.look(since: stamp, every: interval, clocks, clockWatch, events) }
        }
    }

    private func look(
        since stamp: FileStamp?, every interval: Duration, _ clocks: AgentClocks, _ clockWatch: ClockWatch,
        _ events: FileEvents?
    ) async {
        let file = Mutex(FileWatch(path: path, since: stamp))
        await clocks.again(on: executor) { [self] in
            clockWatch.look()
            guard file.withLock({ $0.mayHaveChanged(now: now()) }) else {
                return events?.isWhole == true ? max(interval, Self.longestWithoutLook) : interval
            }
            assumeIsolated { $0.look() }
            // What changed before this is seen by the next look, which is not put off.
            events?.watch(FileEvents.Place.ofFile(path))
            return interval
        }
    }

    /// Looks at `config.json`, and obeys what it holds where it is valid.
    func look() {
        do throws(FileError) {
            let stamp = try FileStamp(of: path)
            let bytes: [UInt8] = try Files.read(path, limit: ConfigDocument.largestBytes)
            let now = Seen(bytes: bytes, owner: stamp.owner)
            guard now != seen else { return }
            seen = now
            accept(bytes, stamp)
        } catch {
            guard seen != nil || snapshot.received != nil else { return }
            seen = nil
            publish { $0.file.report(digest: nil, changedAt: nil, owner: nil, error: error.description) }
        }
    }

    private func accept(_ bytes: [UInt8], _ stamp: FileStamp) {
        do throws(ConfigDocument.Refusal) {
            let running: RunningSet = try runnable(bytes)
            logger.info(
                "obeying config.json",
                metadata: .of([.digest: running.digest, .count: running.entries.count, .subject: stamp.ownerName]))
            endTrialAfterEdit(running.digest)
            publish {
                $0.running = running
                $0.file.report(
                    digest: running.digest, changedAt: stamp.changedAt, owner: stamp.ownerName, error: nil)
            }
        } catch {
            logger.warning(
                "config.json is not valid, what runs is kept",
                metadata: .of([.reason: error.description, .subject: stamp.ownerName]))
            publish {
                $0.file.report(
                    digest: nil, changedAt: stamp.changedAt, owner: stamp.ownerName, error: error.description)
            }
        }
    }

    /// The set that a text stands for. A resource that cannot be run makes the text invalid, unless it is there just as
    /// the server sent it, or was taken back: then it is a newer server's, and only it is left out.
    private func runnable(_ bytes: [UInt8]) throws(ConfigDocument.Refusal) -> RunningSet {
        let running: RunningSet = runningSet(try ConfigDocument.items(parsing: bytes))
        let known: Snapshot = snapshot
        let received: [AgentConfig.Item] = (known.received?.resources ?? []) + (known.rejected?.previous ?? [])
        let problems: [String] = running.entries.compactMap { entry in
            guard case .rejected(let reason) = entry.verdict else { return nil }
            let item: AgentConfig.Item = entry.item
            let isServers: Bool = received.contains {
                $0.kind == item.kind && $0.name == item.name && $0.spec == item.spec
            }
            return isServers ? nil : "\(item.kind)/\(item.name): \(reason)"
        }
        guard problems.isEmpty else { throw ConfigDocument.Refusal(problems: problems) }
        return running
    }

    /// Takes over what the server sent, as ``ConfigMerge`` decides.
    func receive(_ config: AgentConfig) throws(FileError) {
        // An edit of this very moment counts as made before.
        look()
        if try refuseRejected(config) { return }
        let before: Snapshot = snapshot
        let items: [AgentConfig.Item] = ConfigMerge.merged(
            received: config, after: before.obeyed, into: before.running.items)
        let running: RunningSet = runningSet(items)
        if running != before.running || before.file.digest == nil {
            try keepRefusedEdit(before)
            if running.digest != before.running.digest { try beginTrial(of: running, config) }
            let text: [UInt8] = ConfigDocument.text(running.items, received: config)
            try Files.write(text, to: path, mode: 0o644)
            seen = Seen(bytes: text, owner: currentUserID())
        }
        try Files.write(Array((config.json.indented + "\n").utf8), to: receivedPath, mode: 0o644)
        let stamp: FileStamp? = try? FileStamp(of: path)
        logger.info(
            "received a config",
            metadata: .of([.generation: config.generation, .digest: config.digest, .count: config.resources.count]))
        publish {
            $0.received = config
            $0.running = running
            $0.file.report(
                digest: running.digest, changedAt: stamp?.changedAt, owner: stamp?.ownerName, error: nil)
        }
    }

    /// An invalid edit is about to be overwritten: somebody may want it back.
    private func keepRefusedEdit(_ before: Snapshot) throws(FileError) {
        guard before.file.error != nil, let seen else { return }
        try Files.write(seen.bytes, to: refusedPath, mode: 0o644)
    }

    private func runningSet(_ items: [AgentConfig.Item]) -> RunningSet {
        RunningSet(items, decoder: decoder, sha256: Digests.sha256)
    }

    func publish(_ change: (inout Snapshot) -> Void) {
        published.withLock { snapshot in
            change(&snapshot)
            snapshot.file.receivedDigest = snapshot.received?.digest
        }
        changeCount.add(1, ordering: .releasing)
        onChange()
    }
}

extension AgentStatus.ConfigFile {
    fileprivate mutating func report(digest: String?, changedAt: Timestamp?, owner: String?, error: String?) {
        self.digest = digest
        self.changedAt = changedAt
        self.owner = owner
        self.error = error
    }
}
