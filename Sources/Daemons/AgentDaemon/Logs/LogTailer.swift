import ConfigAPI
import Declarations
import Delivery
import HostSystem
import Logging
import Runtime
import Synchronization
import Telemetry

/// Reads the lines of the files that the LogSources name and delivers them, each once.
///
/// Nothing is kept in memory but one request: the file is the buffer. A file's position moves when the server has
/// acknowledged, and the server holds the same position, so a line that is sent again after a crash is known by its place
/// (``LogStreamBatch``). Two loops share this state: one looks for files a few times a second, also while the other waits
/// for the server, so that no rotation goes unseen during an outage.
actor LogTailer {
    struct Dependencies: Sendable {
        var clocks: AgentClocks
        var keeper: ConfigKeeper
        /// Raised when the running set may have changed: one for the journal, one for files.
        var journalChanges: Signal
        var changes: Signal
        var client: ServerClient
        var host: String
        var positions: LogPositions
        var health: CollectorHealth
        var metrics: AgentMetrics
        var clockWatch: ClockWatch
        /// How often files are looked for.
        var interval: Duration
        var requestTimeout: Duration
        /// Where the runtimes of containers keep what these write.
        var containers: ContainerFolders
        var journal: JournalProcess
        /// The number of this process, whose own lines are not read.
        var ownProcess: Int
        var credentials: CredentialFiles
        /// Files that are read at the same time, each of which costs a descriptor.
        var mostFiles = LogTailer.usualFiles
        var logger: Logger
    }

    struct Source: Sendable {
        var name: String
        var spec: LogSourceSpec
        var files: [PathGlob]
        var exclude: [PathGlob]
        /// Of names of containers; empty where it reads files as they are.
        var containers: [Glob]
        /// How lines are joined; nil where each is an entry of its own.
        var joining: LineJoining?

        init(name: String, spec: LogSourceSpec, _ folders: ContainerFolders) {
            self.name = name
            self.spec = spec
            containers = spec.containers.map(Glob.init)
            files = spec.containers.isEmpty ? spec.files.map(PathGlob.init) : folders.globs
            exclude = spec.exclude.map(PathGlob.init)
            joining =
                spec.multiline == nil && spec.containers.isEmpty
                ? nil : LineJoining(spec.multiline, longest: spec.maxLineBytes)
        }
    }

    /// What other parts may know.
    struct Statistics: Hashable, Sendable {
        var files = 0
        var backlogBytes = 0
        /// The ledger of lines.
        var lines = DeliveryLedger.Tally()
        /// Its name.
        var ledger = ""
    }

    let dependencies: Dependencies
    /// Raised when there may be something to read.
    let work = Signal()
    let elapsed: @Sendable () -> Duration
    /// In the order in which they claim files.
    var sources: [Source] = []
    var tracked: [TrackedFile] = []
    /// Of files that are not being read, by stream: done with, of a source that is gone, or not found again yet.
    var records: [String: FileRecord] = [:]
    var knownSources: Set<String> = []
    /// What is read of the journal, by source.
    var feeds: [String: JournalFeed] = [:]
    /// How far each source is in the journal.
    var journals: [String: String] = [:]
    /// Sources whose records of an earlier run have been looked for.
    var recoveredSources: Set<String> = []
    /// Files that look like the copy of another, and since when.
    var deferred: [FileIdentity: Duration] = [:]
    /// Of each file of a container that was found, what is known of the container.
    var containerLogs: [String: ContainerLog] = [:]
    /// When each folder changed last, as it was looked at last.
    var folders: [String: Timestamp] = [:]
    /// When files were looked for last: by this run, or at least by the one before.
    var lookedAt: Timestamp?
    /// Streams that are not written down yet: nothing of them may be sent.
    var unsavedStreams: Set<String> = []
    var hasChanged = false
    var savedAt: Duration?
    var saveFailure: String?
    var saveFailedAt: Duration?
    /// When refused lines were logged last, and how many were since: a first delivery of old files can have millions.
    var rejectionLoggedAt: Duration?
    var unloggedRejections = 0
    /// How many lines the next request may carry: fewer after a refusal, until the culprit is found.
    var lineLimit = LogTailer.linesPerRequest
    /// What became of every line so far, over restarts too. It is written down with the positions that it belongs to: a line
    /// that is sent again after a crash is counted again from there, and so once.
    var tally = DeliveryLedger.Tally()
    /// The name of that count: another where it began anew.
    var ledger: String = AgentIdentity.randomID()
    /// What the last scan found where it looked.
    var surroundings = Surroundings()
    /// Whether the last scan could not read something.
    var hasProblems = false
    private let lookout = Mutex(Lookout())
    /// The keeper's count of changes when the sources were taken up.
    private var adoptedChanges: Int?
    /// Which file is read first, and whether files or the journal: each in turn.
    var turn = 0
    let published = Mutex(Statistics())
    let executor = BlockingExecutor(name: "logs")

    static let linesPerRequest = 4000
    static let bytesPerRequest = 1 << 20
    static let usualFiles = 800
    /// How long after a failure they are not tried to be written again.
    private static let saveRetryInterval = Duration.seconds(1)
    /// How often positions are written down at most, unless a new stream waits for it: what was delivered since then is sent
    /// again after a crash, and the server knows it.
    static let saveInterval = Duration.seconds(30)
    /// The longest between two scans, whatever looks say, and where it is known that they do not see everything.
    private static let longestWithoutScan = Duration.seconds(5)
    private static let longestWithBlindSpots = Duration.seconds(1)

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
    nonisolated var statistics: Statistics { published.withLock { $0 } }

    init(_ dependencies: Dependencies) {
        self.dependencies = dependencies
        elapsed = dependencies.clocks.clock.stopwatch()
    }

    /// Reads and delivers until cancelled.
    nonisolated func run() async {
        await load()
        await publishLedger()
        await withDiscardingTaskGroup { group in
            group.addTask { await self.watch() }
            group.addTask { await self.deliver() }
            group.addTask { await self.readJournals() }
        }
        await finish()
    }

    private nonisolated func readJournals() async {
        await WorkerSupervisor(
            keeper: dependencies.keeper, changes: dependencies.journalChanges,
            wanted: { $0.logSources.filter { !$0.value.journal.isEmpty } }, run: readJournal
        ).run()
    }

    private func publishLedger() {
        published.withLock { [tally, ledger] in
            $0.lines = tally
            $0.ledger = ledger
        }
    }

    /// Looks again and again, or when it is told to, and scans where that may find something.
    private nonisolated func watch() async {
        let events: FileEvents? = dependencies.clocks.fileEvents(for: executor)
        await withDiscardingTaskGroup { group in
            if let events { group.addTask { await events.run() } }
            group.addTask { await self.hastenAtChanges() }
            group.addTask { await self.look(with: events) }
        }
    }

    /// A config that is another is not waited for.
    private nonisolated func hastenAtChanges() async {
        while !Task.isCancelled {
            await dependencies.changes.wait()
            executor.hasten()
        }
    }

    private func look(with events: FileEvents?) async {
        await dependencies.clocks.again(on: executor) { [self] in
            let now: Duration = elapsed()
            let quietFor: Duration? = lookout.withLock {
                if $0.calls(configChanges: dependencies.keeper.changes, now: now) { return nil }
                // As after a scan: what changed before this is seen by the next look, which is not put off.
                if let events, let places = $0.movedPlaces() {
                    events.watch(places)
                    return $0.pause
                }
                return $0.wait(isToldOfChanges: events?.isWhole ?? false, now: now)
            }
            return quietFor ?? assumeIsolated { $0.scanAndLookOut(events) }
        }
    }

    /// Answers how long to wait for the next look.
    private func scanAndLookOut(_ events: FileEvents?) -> Duration {
        let configChanges: Int = dependencies.keeper.changes
        let start: Duration = elapsed()
        if configChanges != adoptedChanges {
            adoptSources()
            adoptedChanges = configChanges
        }
        scan()
        let end: Duration = elapsed()
        // Where looking takes long (deep trees, slow disks), it does not become all that is done.
        let pause: Duration = max(dependencies.interval, (end - start) * 4)
        let longest: Duration = seesEverything ? Self.longestWithoutScan : Self.longestWithBlindSpots
        let next = Lookout(
            surroundings: surroundings, hasUnread: tracked.contains(where: \.hasUnread), configChanges: configChanges,
            pause: pause, scanAt: end + max(pause, longest - pause / 2), mayWait: seesEverything,
            missingPlaces: events == nil ? [] : surroundings.missingPlaces)
        // What changed between the scan and this is seen by the next look, which is not put off.
        events?.watch(seesEverything ? surroundings.places : [])
        lookout.withLock { $0 = next }
        return pause
    }

    /// Whether looks see all that a scan would find. They do not see what a file without a name gets, that a file may be
    /// read now, what a container is called, nor that it is time for something.
    private var seesEverything: Bool {
        deferred.isEmpty && !hasProblems && sources.allSatisfy(\.containers.isEmpty)
            && !tracked.contains(where: \.isRotated) && surroundings.showNewNames
    }

    /// What was read does not call for another scan, and what was given back does.
    func noteUnread() {
        let hasUnread: Bool = tracked.contains(where: \.hasUnread)
        let isPutOff: Bool = lookout.withLock {
            $0.hasUnread = hasUnread
            return $0.isPutOff
        }
        if hasUnread, isPutOff { executor.hasten() }
    }

    // MARK: State

    private func load() {
        let content: LogPositions.Content
        do throws(FileError) { content = try dependencies.positions.read() } catch {
            // To begin anew costs a second delivery of what is there; not to begin would cost all that comes.
            dependencies.logger.error(
                "the positions of log files are lost", metadata: .of([.reason: error.description]))
            return
        }
        knownSources = content.knownSources
        journals = content.journals
        lookedAt = content.at
        tally = content.lines
        if let known = content.ledger { ledger = known }
        let present: Set<FileIdentity> = Self.identities(inFoldersOf: content.records.filter(\.isDone))
        for record in content.records where !record.isDone || present.contains(record.identity) {
            records[record.stream] = record
        }
    }

    private static func identities(inFoldersOf records: [FileRecord]) -> Set<FileIdentity> {
        var identities: Set<FileIdentity> = []
        for folder in Set(records.map { folderAndName($0.path).folder }) {
            for name in (try? LinuxHostFiles().list(folder)) ?? [] {
                if let file = FoundFile("\(folder)/\(name)") { identities.insert(file.identity) }
            }
        }
        return identities
    }

    private func finish() {
        noteJournals()
        save()
        tracked = []
    }

    /// Writes down how far files are delivered, at most once a second unless a new stream waits for it. Answers whether
    /// everything that must be written is.
    @discardableResult
    func save(atMostOncePer span: Duration = .zero) -> Bool {
        guard hasChanged || !unsavedStreams.isEmpty else { return true }
        if unsavedStreams.isEmpty, let savedAt, elapsed() - savedAt < span { return true }
        if span > .zero, let saveFailedAt, elapsed() - saveFailedAt < Self.saveRetryInterval { return false }
        let content = LogPositions.Content(
            // A file without a name cannot be found again: after a restart it would be told of as lost.
            records: records.values.sorted { $0.stream < $1.stream }
                + tracked.filter { $0.removedAt == nil || !$0.isDelivered }.map(\.written),
            knownSources: knownSources, journals: journals, at: lookedAt, lines: tally, ledger: ledger)
        do throws(FileError) {
            try dependencies.positions.write(content)
            unsavedStreams = []
            hasChanged = false
            savedAt = elapsed()
            saveFailure = nil
            saveFailedAt = nil
            return true
        } catch {
            saveFailedAt = elapsed()
            if saveFailure != error.description {
                saveFailure = error.description
                dependencies.logger.error(
                    "positions of log files cannot be written; new files wait",
                    metadata: .of([.reason: error.description]))
            }
            return false
        }
    }

    /// Takes up the sources that run now.
    private func adoptSources() {
        let wanted: [String: LogSourceSpec] = dependencies.keeper.snapshot.running.logSources.filter {
            $0.value.journal.isEmpty
        }
        guard wanted != Dictionary(sources.map { ($0.name, $0.spec) }, uniquingKeysWith: { first, _ in first }) else {
            return
        }
        for source in sources where wanted[source.name] == nil { dependencies.health.forget(source.healthKey) }
        sources = wanted.map { Source(name: $0.key, spec: $0.value, dependencies.containers) }.sorted {
            $0.spec.priority != $1.spec.priority
                ? $0.spec.priority > $1.spec.priority : $0.name.utf8.lexicographicallyPrecedes($1.name.utf8)
        }
        recoveredSources.formIntersection(wanted.keys)
    }

    func source(named name: String) -> Source? { sources.first { $0.name == name } }
}

extension LogTailer.Source {
    /// Under which the state of the source is reported: a Collector may have the same name.
    var healthKey: String { "LogSource/\(name)" }
}

/// A path in two.
func folderAndName(_ path: String) -> (folder: String, name: String) {
    guard let slash = path.lastIndex(of: "/") else { return (".", path) }
    return (String(path[..<slash]), String(path[path.index(after: slash)...]))
}
