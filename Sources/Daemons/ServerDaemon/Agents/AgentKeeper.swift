import ConfigAPI
import Database
import Logging
import Runtime
import ServiceLifecycle
import StoreService
import Telemetry

/// Writes down what every host is to run as soon as that changes, so that "since when" is known also of a host that is
/// away, and brings signs of life to the database.
package struct AgentKeeper: Service {
    private let directory: AgentDirectory
    private let store: AgentStore
    private let live: LiveConfig
    private let activity: HostActivity
    private let clock: any Clock<Duration>
    private let logger: Logger

    package init(_ parts: ServerParts, clock: any Clock<Duration> = ContinuousClock()) {
        directory = parts.directory
        store = parts.agents
        live = parts.live
        activity = parts.activity
        logger = parts.logger
        self.clock = clock
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                group.addTask { for await _ in await live.updates() { await keepExpectations() } }
                group.addTask { await periodically(every: .milliseconds(500), clock: clock) { await handOver() } }
            }
        }
        await handOver()
    }

    private func keepExpectations() async {
        do {
            var digests: [String: String] = [:]
            for record in try await store.agents().agents {
                let facts: [String: String] = record.status?.facts ?? [:]
                guard let expected = await directory.expected(for: record.host, facts: facts) else { continue }
                digests[record.host] = expected.config.digest
            }
            try await store.expect(digests)
        } catch { logger.debug("cannot write what hosts are to run", metadata: .of([.error: error])) }
    }

    private func handOver() async {
        let hosts: [String] = activity.takeFresh()
        guard !hosts.isEmpty else { return }
        do { try await store.touch(hosts: hosts) } catch {
            activity.giveBack(hosts)
            logger.debug("cannot write signs of life", metadata: .of([.error: error]))
        }
    }
}
