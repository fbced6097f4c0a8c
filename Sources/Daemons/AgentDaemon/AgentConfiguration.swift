import Declarations
package import Delivery
package import HostSystem
import NIOCore
import Runtime
package import Telemetry

/// What an agent is told when it starts. What it collects is not in here: that comes from the server.
package struct AgentConfiguration: Sendable {
    /// The server's base URL, `http://127.0.0.1:7700`.
    package var server: String
    /// A file that holds the token alone; read again when it changes and after a 401. Nil: the agent has a secret of its
    /// own, and gets its tokens for it.
    package var tokenFile: String?
    /// A file that holds a one-time enrolment token, for an agent without a secret.
    package var enrolmentFile: String?
    /// The agent's own folder: `config.json`, `received.json`, `agent-id`, `log-positions.json`, `delivery`, `lock`.
    package var stateDirectory: String
    /// The name under which this host is known; must be the token's host. The kernel's host name unless said.
    package var host: String?

    /// The longest that the server may hold back an answer to the question for a new config. It allows 25 s.
    package var configWaitSeconds = 20
    /// The longest time between two status reports.
    package var statusInterval = Duration.milliseconds(HostGroupSpec.statusInterval.milliseconds)
    /// The time between two frames of the agent's own metrics.
    package var ownMetricsInterval = Duration.seconds(10)
    /// How often `config.json` and the host's clock are looked at.
    package var fileCheckInterval = Duration.milliseconds(500)
    /// How often log files are looked for and at: what has a name for less may be missed.
    package var logInterval = Duration.milliseconds(250)
    /// Where logs of containers are looked for; nil: where Docker and CRI runtimes keep them.
    package var containers: ContainerFolders?
    /// The reader of the journal.
    package var journal = JournalProcess()
    /// How long a mount may take to say how full it is.
    package var mountTimeout = Duration.seconds(5)
    /// How long a shipment waits for other collectors of the same moment.
    package var linger = Duration.milliseconds(50)
    /// The longest that one request may take, apart from the one for a new config.
    package var requestTimeout = Duration.seconds(10)
    /// How long stopping may take to deliver what is queued; the rest goes to the spool.
    package var flushDeadline = Duration.seconds(3)
    package var queue = DeliveryQueue.Limits()
    package var spool = SpoolLog.Limits()
    /// Points of the backlog that may be sent in a second, beside what is fresh.
    package var backlogRate = 5000

    package init(server: String, tokenFile: String?, stateDirectory: String, host: String? = nil) {
        self.server = server
        self.tokenFile = tokenFile
        self.stateDirectory = stateDirectory
        self.host = host
    }
}

/// Where time comes from: passed in, so that tests can make it run.
package struct AgentClocks: Sendable {
    /// For waiting and for measuring spans.
    package var clock: any Clock<Duration>
    /// What time it is.
    package var now: @Sendable () -> Timestamp

    /// Whether actors with a thread of their own wait on it, by the machine's clock.
    private let waitsOnThreads: Bool

    package init(
        clock: any Clock<Duration> = ContinuousClock(), waitsOnThreads: Bool = false,
        now: @escaping @Sendable () -> Timestamp
    ) {
        self.clock = clock
        self.waitsOnThreads = waitsOnThreads
        self.now = now
    }

    /// How much of an interval is over, if intervals begin at whole multiples of themselves on the machine's clock: what is
    /// done every ten seconds is then done in the same moment, and goes to the server together.
    func phase(of interval: Duration) -> Duration {
        guard waitsOnThreads else { return .zero }
        let nanoseconds = Duration.nanoseconds(Int64(NIODeadline.now().uptimeNanoseconds))
        return nanoseconds - interval * Int((nanoseconds / interval).rounded(.down))
    }

    /// Waits: on the thread of `executor`, without waking any other, if that may be.
    func sleep(for duration: Duration, on executor: BlockingExecutor?) async throws {
        guard waitsOnThreads else { return try await clock.sleep(for: duration) }
        if let executor { return try await executor.sleep(for: duration) }
        // A little less, which the loop's grid fills up: what ends a moment behind one of its points waits for the next.
        try await clock.sleep(for: duration - .milliseconds(5))
    }

    /// Calls `body` at once and then each time after the span that it answered, until cancelled: on the thread of
    /// `executor`, without resuming the task, if that may be. To be called by the actor whose thread it is.
    func again(on executor: BlockingExecutor, _ body: @escaping @Sendable () -> Duration) async {
        guard !waitsOnThreads else {
            try? await executor.repeating(body)
            return
        }
        while (try? await clock.sleep(for: body())) != nil {}
    }

    /// The least time between two calls for events of files: what is written all the time is looked at now and then.
    private static let eventPace = Duration.milliseconds(250)

    /// Events of files that have what repeats on `executor` called. Nil where waiting is by another clock than the kernel's,
    /// and where there are none to be had: then everything is looked at each time.
    func fileEvents(for executor: BlockingExecutor) -> FileEvents? {
        waitsOnThreads ? FileEvents(pace: Self.eventPace) { executor.hasten() } : nil
    }
}
