import ConfigAPI
import Declarations
import HostSystem
import Logging
import NIOHTTP1
import Runtime

/// Asks the server for this host's config. The server holds the answer back until there is a new one, so a change
/// arrives at once and silence costs three requests a minute.
struct ConfigPoller: Sendable {
    let client: ServerClient
    let keeper: ConfigKeeper
    let clocks: AgentClocks
    let waitSeconds: Int
    let logger: Logger

    private static let backoff = Backoff(initial: .milliseconds(500), cap: .seconds(20))
    /// The least time between two questions that brought nothing new, should the server not hold them back.
    private static let leastWait = Duration.seconds(1)

    func run() async {
        var failures = 0
        while !Task.isCancelled {
            let elapsed = clocks.clock.stopwatch()
            do throws(ServerError) {
                let isNew: Bool = try await ask()
                failures = 0
                if !isNew { try? await clocks.clock.sleep(for: Self.leastWait - elapsed()) }
            } catch {
                failures += 1
                if Task.isCancelled { return }
                logger.warning(
                    "cannot get the config",
                    metadata: .of([.reason: error.description, .attempt: failures]))
                try? await clocks.clock.sleep(for: Self.backoff.delay(attempt: failures))
            }
        }
    }

    /// One question; whether the answer was a new config.
    private func ask() async throws(ServerError) -> Bool {
        let tag: String? = keeper.snapshot.received?.entityTag
        let answer: ServerAnswer = try await client.send(
            ServerRequest(
                .GET, "/v1/agent/config?wait=\(waitSeconds)", headers: tag.map { [("If-None-Match", $0)] } ?? [],
                timeout: .seconds(waitSeconds + 10)))
        if answer.status == 304 { return false }
        guard answer.status == 200 else { throw ServerError.refused(answer) }
        let config: AgentConfig
        do { config = try AgentConfig(parsing: answer.body) } catch {
            throw ServerError.malformed("the config", error.description)
        }
        guard config.entityTag != tag else { return false }
        do { try await keeper.receive(config) } catch { throw ServerError.local(error) }
        return true
    }
}
