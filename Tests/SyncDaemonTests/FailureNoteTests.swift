import Declarations
import Glibc
import Logging
import Reconciliation
import Runtime
import ServiceLifecycle
import Synchronization
@testable import SyncDaemon
import Telemetry
import TestSupport
import Testing

/// What fails beside a run: a counter moves, and the next report has a line.
@Suite struct FailureNoteTests {
    private let fixture: SyncFixture
    private let health = SyncHealth(patience: .minutes(1), registry: MetricsRegistry())

    init() async throws {
        fixture = try await SyncFixture()
        try await fixture.repository.commit(["r.yaml": retentionText("30d")])
    }

    // Shows F-GO-07
    @Test func aReportThatTheServerRefusesIsCountedAndTheNextOneSaysSo() async throws {
        let reconciler = try fixture.reconciler()
        await fixture.target.refuseReports(1)
        #expect(await reconciler.run(.startup, fetches: true).outcome == .applied)
        #expect(await reconciler.takeUncountedFailures() == [.report: 1])
        let next: RunReport = await reconciler.run(.timer, fetches: false)
        #expect(next.errors == ["the server refused a report for good: status 413: too large"])
        #expect(await fixture.target.reports.map { $0["id"]?.string } == [next.id])
        #expect(await reconciler.run(.timer, fetches: false).errors.isEmpty)
        #expect(await reconciler.takeUncountedFailures().isEmpty)
    }

    /// A server that takes none at all must not make every run another record.
    @Test func aServerThatRefusesEveryReportLeavesOneRecordOfEqualRuns() async throws {
        let reconciler = try fixture.reconciler()
        await fixture.target.refuseReports(.max)
        for _ in 0..<6 { _ = await reconciler.run(.timer, fetches: false) }
        let directory = StateDirectory(try fixture.configuration().stateDirectory)
        #expect(try ReportLog.newest(10, in: directory).map(\.count) == [5, 1])
    }

    @Test func aReportThatCannotBeKeptIsCountedAndTheNextOneSaysSo() async throws {
        let reconciler = try reconciler(withoutPlaceFor: "reports.jsonl")
        _ = await reconciler.run(.startup, fetches: true)
        #expect(await reconciler.takeUncountedFailures() == [.state: 1])
        let errors: [String] = await reconciler.run(.timer, fetches: false).errors
        #expect(errors.count == 1)
        #expect(errors.first?.hasPrefix("a report was not kept: ") == true)
        #expect(errors.first?.contains("reports.jsonl") == true)
    }

    @Test func ordersThatCannotBeWrittenDownAreCountedAndTheNextReportSaysSo() async throws {
        let reconciler = try reconciler(withoutPlaceFor: "enforcement.json")
        let errors: [String] =
            await reconciler.run(.startup, fetches: true).errors
            + (await reconciler.run(.timer, fetches: false)).errors
        #expect(await reconciler.takeUncountedFailures()[.state] != nil)
        #expect(errors.contains { $0.hasPrefix("the orders were not written down: ") }, "\(errors)")
    }

    @Test func aStatusThatCannotBeWrittenDownIsCountedAndTheNextReportSaysSo() async throws {
        let configuration = try fixture.configuration("interval: 1h\ndrift: {interval: 1h}")
        let dependencies = try dependencies(configuration, withoutPlaceFor: "status.json")
        let reconciler = try Reconciler(configuration, dependencies)
        let queue = RunQueue()
        let service = SyncService(
            reconciler: reconciler, queue: queue, broadcast: ProgressBroadcast(), health: health,
            configuration: configuration, dependencies: dependencies)
        let group = ServiceGroup(services: [service], logger: dependencies.logger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            try await until("it is counted") { health.failures(.state).value == 1 }
            queue.trigger(.manual)
            try await until("a report says so") {
                await fixture.target.reports.contains { report in
                    report["errors"]?.array?.contains {
                        $0.string?.hasPrefix("the status was not written down: ") == true
                    } == true
                }
            }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }

    @Test func whatIsSaidAlreadyAndWhatIsTooMuchIsLeftOut() async throws {
        let reconciler = try fixture.reconciler()
        for number in 0..<100 {
            await reconciler.reportAtNextRun("line \(number)")
            await reconciler.reportAtNextRun("line 0")
        }
        let errors: [String] = await reconciler.run(.startup, fetches: true).errors
        #expect(errors == (0..<20).map { "line \($0)" })
    }

    private func dependencies(
        _ configuration: BootstrapConfiguration, withoutPlaceFor name: String
    ) throws -> Reconciler.Dependencies {
        var dependencies = try fixture.dependencies(configuration)
        dependencies.directory = StateDirectory(configuration.stateDirectory, files: FullDisk(refused: name))
        return dependencies
    }

    private func reconciler(withoutPlaceFor name: String) throws -> Reconciler {
        let configuration = try fixture.configuration()
        return try Reconciler(configuration, try dependencies(configuration, withoutPlaceFor: name))
    }
}

/// A disk that has no place for one file.
private struct FullDisk: StateFiles {
    let refused: String
    private let disk = DiskFiles()

    init(refused: String) { self.refused = refused }

    private func check(_ path: String) throws(FileError) {
        guard path.hasSuffix("/\(refused)") else { return }
        throw FileError(path: path, operation: "write", reason: "No space left on device")
    }

    func createFolder(_ path: String) throws(FileError) { try disk.createFolder(path) }
    func read(_ path: String, limit: Int) throws(FileError) -> [UInt8] { try disk.read(path, limit: limit) }
    func replace(_ path: String, with bytes: [UInt8], isLasting: Bool) throws(FileError) {
        try check(path)
        try disk.replace(path, with: bytes, isLasting: isLasting)
    }
    func create(_ path: String, with bytes: [UInt8]) throws(FileError) { try disk.create(path, with: bytes) }
    func write(_ bytes: [UInt8], to path: String, at offset: Int) throws(FileError) {
        try check(path)
        try disk.write(bytes, to: path, at: offset)
    }
    func size(of path: String) throws(FileError) -> Int { try disk.size(of: path) }
    func rename(_ path: String, to other: String) { disk.rename(path, to: other) }
}
