import ConfigAPI
package import Declarations
package import GitStore
package import Logging
import Reconciliation
package import Runtime
import SystemdUnits
import Telemetry

/// Makes runs: reads git and the targets, compares, plans, applies, looks again and reports. One run at a time.
package actor Reconciler {
    package struct Dependencies: Sendable {
        package var git: GitStore
        package var target: any ReconcileTarget
        /// The proxy's config API, where there is one.
        package var proxy: (any ReconcileTarget)?
        /// The units of this machine; nil where they cannot be reached at all.
        package var units: (any UnitHost)?
        package var directory: StateDirectory
        package var decoder: ResourceDecoder
        package var now: WallClock
        package var clock: any Clock<Duration>
        package var uptime: @Sendable () -> Uptime
        package var random: @Sendable () -> UInt64
        package var decisions: Decisions
        /// The name of this machine.
        package var host: String
        package var logger: Logger

        package init(
            git: GitStore, target: any ReconcileTarget, proxy: (any ReconcileTarget)? = nil,
            units: (any UnitHost)? = nil, directory: StateDirectory, decoder: ResourceDecoder,
            now: @escaping WallClock = Timestamp.now, clock: any Clock<Duration> = ContinuousClock(),
            uptime: @escaping @Sendable () -> Uptime = Uptime.now,
            random: @escaping @Sendable () -> UInt64 = { UInt64.random(in: 0 ... .max) },
            decisions: Decisions = .standard, host: String, logger: Logger
        ) {
            self.git = git
            self.target = target
            self.proxy = proxy
            self.units = units
            self.directory = directory
            self.decoder = decoder
            self.now = now
            self.clock = clock
            self.uptime = uptime
            self.random = random
            self.decisions = decisions
            self.host = host
            self.logger = logger
        }
    }

    let configuration: BootstrapConfiguration
    let dependencies: Dependencies
    let loader: CommitLoader
    let redactionKey: [UInt8]
    /// How long this reconciler has been there. Waits are measured by it: the time of day can jump.
    let age: @Sendable () -> Duration
    /// Identifies this state directory on this machine as the holder of the lease.
    let holder: String
    var state: SyncState
    /// What stands in the state directory.
    private var writtenState: SyncState
    private var stateText = StateText()
    var log: ReportLog
    /// Why the last fetch failed, and the message.
    var fetchError: String?
    var lastFetchAt: Timestamp?
    /// What was found out about the head against the accepted commit; both never change.
    var examined: (head: ObjectID, accepted: String?, verdict: HeadVerdict)?
    /// A commit that the server refused; tried again when git is fetched.
    var rejected: (commit: String, problems: [Diagnostic])?
    var hasAskedForAnchor = false
    /// The remote that answered last, and why those before it did not.
    var answeringRemote: String?
    var silentRemotes: [String] = []
    /// What people ordered; nil where only the server may know.
    var knownOrders: Enforcement?
    var areOrdersSent = false
    /// The units as they were last seen.
    var seenUnits: LiveUnits?
    /// What the stores held when they were last read as a whole, and when that was.
    var seen: [TargetName: SeenStore] = [:]
    /// The last run, where nothing was to be done in it.
    var quiet: QuietRun?
    /// Reports that the server has not got.
    var unsent: [RunReport] = []
    /// Whether they wait because the server did not take one.
    var isServerDeaf = false
    /// What the next report is to say besides.
    var notesForReport: [String] = []
    /// What failed and no run is counted for.
    var uncountedFailures: [SyncFailure: Int] = [:]
    var lastSubmission: (id: String, age: Duration)?

    /// Reads the state directory; throws where it cannot be used.
    package init(_ configuration: BootstrapConfiguration, _ dependencies: Dependencies) throws(FileError) {
        self.configuration = configuration
        self.dependencies = dependencies
        age = dependencies.clock.stopwatch()
        loader = CommitLoader(
            git: dependencies.git, filter: configuration.treeFilter, decoder: dependencies.decoder,
            allowedUnits: configuration.units.allow)
        try dependencies.directory.create()
        redactionKey = try dependencies.directory.redactionKey()
        state = try dependencies.directory.readState()
        writtenState = state
        knownOrders = try dependencies.directory.readEnforcement()
        log = ReportLog(directory: dependencies.directory)
        if log.isTorn {
            dependencies.logger.warning(
                "the last report was cut off by a crash; it is skipped",
                metadata: .of([.path: dependencies.directory.file("reports.jsonl")]))
        }
        // The same after a restart: a process that was killed must not keep its successor waiting for its lease. The lock
        // file sees to it that there is one at a time.
        holder = "\(dependencies.host)/\(try dependencies.directory.identity())"
        unsent = log.unsent(atMost: Self.unsentLimit)
    }

    /// Writes the state down where it is not what was written last.
    func persistState() throws(FileError) {
        guard state != writtenState else { return }
        try dependencies.directory.write(stateText: stateText(state))
        writtenState = state
    }

    func newID() -> String {
        var generator = RandomSource(next: dependencies.random)
        return ULID(time: dependencies.now(), using: &generator).description
    }

    func planContext(
        mode: RunMode, permissions: Set<Permission> = [], previous: DeclaredState? = nil, judgesCommit: Bool = false,
        isAccepted: Bool = false
    ) -> PlanContext {
        let now: Timestamp = dependencies.now()
        let corrections: CorrectionHistory = state.corrections
        return PlanContext(
            mode: mode, permissions: permissions, owed: isAccepted ? state.owed : [:],
            recentDeletions: state.recentDeletions(now: now, uptime: dependencies.uptime()),
            deletionBudget: configuration.deletionBudget, previous: previous, judgesCommit: judgesCommit,
            tolerated: orders.tolerated(at: now),
            isDeferred: { corrections.deferral(of: $0, paths: $1, at: now) != nil },
            references: referenceFinder(dependencies.decoder), redact: redactor(key: redactionKey))
    }

    func comparisonContext() -> ComparisonContext {
        ComparisonContext(
            source: configuration.source, now: dependencies.now(),
            grace: PromDuration(milliseconds: configuration.driftInterval.milliseconds * 3), sha256: Digests.sha256,
            tolerated: orders.tolerated(at: dependencies.now()))
    }
}

extension Reconciler.Dependencies {
    /// In 0..<1.
    var fraction: Double { Double(random() >> 11) * 0x1p-53 }
}

private struct RandomSource: RandomNumberGenerator {
    let source: @Sendable () -> UInt64

    init(next: @escaping @Sendable () -> UInt64) { source = next }

    mutating func next() -> UInt64 { source() }
}

/// What a live spec refers to, where it can be decoded.
func referenceFinder(_ decoder: ResourceDecoder) -> @Sendable (ResourceKey, JSONValue) -> [ResourceKey] {
    { key, spec in
        guard case .success(let decoded) = decoder.resource(kind: key.kind, name: key.name, spec: spec) else {
            return []
        }
        return references(of: decoded.spec)
    }
}

/// Replaces sensitive fields under this installation's key.
func redactor(key: [UInt8]) -> @Sendable (JSONValue, ResourceKind) -> JSONValue {
    { spec, kind in
        redacted(spec, kind: kind) { hexadecimal(Digests.hmacSHA256($0.utf8, key: key)) }
    }
}
