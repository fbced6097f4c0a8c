import Glibc
import Reconciliation
import Runtime
import Synchronization
import Systemd
import Telemetry
import TestSupport
import Testing

@testable import SyncDaemon

/// Units as systemd leaves them in the file system.
private struct TracedUnits {
    let folder: TemporaryFolder
    var etc: String { folder("etc") }
    var runs: String { folder("runs") }

    init() throws {
        folder = try TemporaryFolder()
        try Files.createFolder(etc + "/multi-user.target.wants")
        try Files.createFolder(runs)
    }

    var traces: UnitTraces { UnitTraces(of: ["plumb-page.service"], in: etc, runs: runs) }

    func start(_ unit: String, run: String) {
        unlink("\(runs)/invocation:\(unit)")
        #expect(symlink(run, "\(runs)/invocation:\(unit)") == 0)
    }

    /// Whether it leaves a trace. Times of files move with the kernel's tick: it is done in a tick in which nothing was.
    func isTraced(_ change: () throws -> Void) throws -> Bool {
        let before: UnitTraces = traces
        let last: Timestamp = before.changes.values.max() ?? Timestamp(microseconds: 0)
        var now = Timestamp(microseconds: 0)
        while now <= last {
            try folder.write("", to: "probe")
            now = Files.changedAt(folder("probe")) ?? Timestamp(microseconds: 0)
        }
        try change()
        return traces != before
    }
}

@Suite struct UnitWatchTests {
    // Shows F-GO-17
    @Test func whatIsDoneToAUnitLeavesATrace() throws {
        let units = try TracedUnits()
        let page = "plumb-page.service"
        #expect(try units.isTraced { units.start(page, run: "1") })
        #expect(try units.isTraced { units.start(page, run: "2") }, "a restart")
        #expect(try units.isTraced { unlink("\(units.runs)/invocation:\(page)") }, "a stop")
        #expect(
            try units.isTraced { symlink("/x", "\(units.etc)/multi-user.target.wants/\(page)") }, "enabled")
        #expect(try units.isTraced { unlink("\(units.etc)/multi-user.target.wants/\(page)") }, "disabled")
        #expect(try units.isTraced { symlink("/dev/null", "\(units.etc)/\(page)") }, "masked")
        try Files.createFolder("\(units.etc)/\(page).d")
        let dropIn = "\(units.etc)/\(page).d/50-plumbline.conf"
        #expect(try units.isTraced { try Files.write("[Service]\nNice=1\n".utf8, to: dropIn) }, "set")
        #expect(
            try units.isTraced {
                try Files.write("[Service]\nNice=2\n".utf8, to: "\(units.etc)/\(page).d/60-other.conf")
            },
            "another drop-in")
        // Others are their own affair.
        #expect(try !units.isTraced { units.start("ssh.service", run: "1") })
    }

    @Test func aTraceAsksForALookAndNothingElseDoes() async throws {
        let units = try TracedUnits()
        let queue = RunQueue()
        let looks = Mutex(0)
        let watch = UnitWatch(
            units: {
                looks.withLock { $0 += 1 }
                return ["plumb-page.service"]
            }, queue: queue, clock: ContinuousClock(), traces: { _ in units.traces }, interval: .milliseconds(1))
        let task = Task { try await watch.run() }
        defer { task.cancel() }
        _ = try await answered("some looks") { looks.withLock { $0 } > 5 ? true : nil }
        #expect(queue.take().isEmpty)
        units.start("plumb-page.service", run: "1")
        #expect(try await answered("a trigger") { queue.take().first } == .event)
    }
}
