package import ConfigAPI
package import Database
package import Declarations
package import Logging
package import Runtime
import ServiceLifecycle
import Synchronization

/// What the engines say of the resources that they run. Each reports for itself: what it does not name is healthy as far
/// as it knows.
package final class HealthBoard: Sendable {
    package typealias States = [ResourceKey: StoredResource.Health]

    private let reports = Mutex<[String: States]>([:])

    package init() {}

    /// Replaces what `reporter` says.
    package func report(_ states: States, by reporter: String) { reports.withLock { $0[reporter] = states } }

    /// Says of one resource what `reporter` has to say; nil takes it back.
    package func report(_ health: StoredResource.Health?, of key: ResourceKey, by reporter: String) {
        reports.withLock { $0[reporter, default: [:]][key] = health }
    }

    /// Everything that is not healthy. Where two say something of one resource, the first by the reporter's name counts.
    package var states: States {
        reports.withLock { reports in
            var merged: States = [:]
            for (_, states) in reports.sorted(by: { $0.key < $1.key }) {
                merged.merge(states.filter { $0.value.state != .healthy }) { first, _ in first }
            }
            return merged
        }
    }
}

/// Checks that secrets are there, and writes what the board says to the store, where `GET /v1/config` shows it.
package struct HealthKeeper: Service {
    private let board: HealthBoard
    private let live: LiveConfig
    private let store: ConfigStore
    private let secrets: Secrets
    private let interval: Duration
    private let clock: any Clock<Duration>
    private let logger: Logger

    package init(
        board: HealthBoard, live: LiveConfig, store: ConfigStore, secrets: Secrets, interval: Duration = .seconds(2),
        clock: any Clock<Duration> = ContinuousClock(), logger: Logger
    ) {
        self.board = board
        self.live = live
        self.store = store
        self.secrets = secrets
        self.interval = interval
        self.clock = clock
        self.logger = logger
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown { await keep() }
    }

    private func keep() async {
        guard await live.loaded() != nil else { return }
        var written: HealthBoard.States?
        await periodically(every: interval, clock: clock) {
            if let running = await live.running { board.report(missingSecrets(running), by: "secrets") }
            let states: HealthBoard.States = board.states
            guard states != written else { return }
            do {
                try await store.setHealth(states)
                written = states
            } catch { logger.debug("cannot write the resources' health", metadata: .of([.error: error])) }
        }
    }

    private func missingSecrets(_ running: RunningConfig) -> HealthBoard.States {
        var states: HealthBoard.States = [:]
        for resource in running.resources.values {
            for name in Self.secrets(of: resource.spec) {
                do { _ = try secrets.value(name) } catch {
                    states[resource.key] = StoredResource.Health(state: .secretMissing, message: error.description)
                }
            }
        }
        return states
    }

    /// The names of the secrets that a spec refers to.
    private static func secrets(of spec: Spec) -> [String] {
        switch spec {
        case .notifier(let notifier): [notifier.secretRef, notifier.signingSecretRef].compactMap { $0 }
        case .pipeline(let pipeline):
            if case .mongodb(let source) = pipeline.source { [source.uriRef].compactMap { $0 } } else { [] }
        case .alertRule, .collector, .hostGroup, .logSource, .retention, .scrapeTarget, .statusPage, .unit: []
        }
    }
}
