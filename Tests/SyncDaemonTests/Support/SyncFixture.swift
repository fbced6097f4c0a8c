import Declarations
import GitStore
import Logging
import Reconciliation
import Runtime
@testable import SyncDaemon
import Synchronization
import Telemetry
import TestSupport

/// A config repository, a reconciler over it and a server in memory.
final class SyncFixture: Sendable {
    let repository: TestGitRepository
    let folder: TemporaryFolder
    let target = InMemoryTarget()
    /// The proxy's store; given to the reconciler where `hasProxy` says so.
    let proxy = InMemoryTarget(storeId: "store-of-the-proxy")
    let hasProxy: Bool
    /// The machine's units; nil: this machine has no way to them.
    let units: InMemoryUnits?

    init(hasProxy: Bool = false, units: InMemoryUnits? = nil) async throws {
        self.hasProxy = hasProxy
        self.units = units
        repository = try await TestGitRepository()
        folder = try TemporaryFolder()
    }

    func configuration(
        _ extra: String = "", url: String? = nil, stateDirectory: String = "state"
    ) throws -> BootstrapConfiguration {
        let text = """
            repository:
              url: \(url ?? repository.url)
            server:
              url: http://127.0.0.1:1
            stateDirectory: \(folder(stateDirectory))
            controlSocket: \(folder("control.sock"))
            listen: none
            \(extra)
            """
        return try BootstrapConfiguration(file: "gitops-sync.yaml", bytes: Array(text.utf8)) { _ in nil }
    }

    func dependencies(_ configuration: BootstrapConfiguration) throws -> Reconciler.Dependencies {
        let worker = WorkerProgram(path: try BuiltPrograms.path("gitops-sync"))
        return Reconciler.Dependencies(
            git: configuration.gitStore(named: "git", worker: worker), target: target,
            proxy: hasProxy ? proxy : nil, units: units,
            directory: StateDirectory(configuration.stateDirectory), decoder: .standard, host: "sync-1",
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    /// A reconciler as a start of the program makes it.
    func reconciler(
        _ extra: String = "", url: String? = nil, stateDirectory: String = "state",
        now: @escaping WallClock = Timestamp.now
    ) throws -> Reconciler {
        let configuration = try configuration(extra, url: url, stateDirectory: stateDirectory)
        var dependencies = try dependencies(configuration)
        dependencies.now = now
        return try Reconciler(configuration, dependencies)
    }
}

let retention = ResourceKey(.retention, "metrics")
let group = ResourceKey(.hostGroup, "web")
let notifier = ResourceKey(.notifier, "ops")

func retentionText(_ keep: String, annotations: String = "") -> String {
    """
    apiVersion: plumbline/v1
    kind: Retention
    metadata:
      name: metrics
    \(annotations.isEmpty ? "" : "  annotations: {\(annotations)}")
    spec:
      dataset: metrics
      keep: \(keep)
    """
}

func groupText(_ name: String = "web", hosts: String = "[web-1]") -> String {
    """
    apiVersion: plumbline/v1
    kind: HostGroup
    metadata:
      name: \(name)
    spec:
      hosts: \(hosts)
    """
}

let pipeline = ResourceKey(.pipeline, "reading")

func pipelineText(batchSize: Int = 500) -> String {
    """
    apiVersion: plumbline/v1
    kind: Pipeline
    metadata:
      name: reading
    spec:
      source: {file: {path: /srv/events/*.ndjson}}
      mapping: {source: {default: a}, type: {default: b}}
      batchSize: \(batchSize)
    """
}

/// A clock that tests move.
final class MovableClock: Sendable {
    private let instant = Mutex(Timestamp.now())
    var now: Timestamp { instant.withLock { $0 } }
    func advance(_ span: PromDuration) { instant.withLock { $0 = $0 + span } }
}
