import ArgumentParser
import Logging
import PlatformClient
import Runtime
import ServiceLifecycle
import Telemetry
import UnixSignals

struct WatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch", abstract: "Write the page again and again until SIGTERM.",
        discussion: """
            While the platform cannot be reached the page shows its last data as old. A StatusPage that changes in git \
            counts from the next round on.
            """)

    @Option(help: ArgumentHelp("Time between two builds.", valueName: "duration"))
    var every: PromDuration = .minutes(1)

    @OptionGroup var options: PageOptions

    func validate() throws {
        guard every >= .seconds(1) else { throw ValidationError("--every is at least 1s") }
    }

    func run() async throws {
        let logger: Logger = LogSetup(service: "plumb-page").bootstrap()
        let service = WatchService(
            build: try options.build(), choice: options.choice, every: every, now: Timestamp.now,
            clock: ContinuousClock(), logger: logger)
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [.init(service: service), Lifeline.configuration(), .init(service: Presence())],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        try await group.run()
    }
}

/// Builds at every interval; a build that fails is said and tried again.
struct WatchService: Service {
    let build: PageBuild
    let choice: PageBuild.Choice
    let every: PromDuration
    let now: WallClock
    let clock: any Clock<Duration>
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            // What was said last: the same trouble once a minute is no news.
            var said = ""
            await periodically(every: every.duration, clock: clock) {
                let trouble: String = await round()
                if trouble != said {
                    if trouble.isEmpty {
                        logger.notice("the page is up to date")
                    } else {
                        logger.warning("the page is not up to date", metadata: .of([.error: trouble]))
                    }
                }
                said = trouble
            }
        }
    }

    /// Builds once; gives what went wrong, in words.
    private func round() async -> String {
        do {
            let results: [PageBuild.Result] = try await build.run(choice, at: now().floored(to: .seconds(1)))
            return results.flatMap { [$0.stale].compactMap { $0 } + $0.problems }.joined(separator: "; ")
        } catch { return "\(error)" }
    }
}
